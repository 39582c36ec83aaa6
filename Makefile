# What can be made: make help.  Everything made lies in $(B); configure runs by
# itself when it has not.  Sources are found by wildcard, so that a new domain
# is only a folder.

B ?= build
SHELL = /bin/sh
MAKEFLAGS += --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
.DELETE_ON_ERROR:
.SECONDARY:

all:

# These work before anything is installed, so they come before configure does.
EARLY = run stop test bench clean help
ifneq ($(filter-out $(EARLY),$(or $(MAKECMDGOALS),all)),)
include $(B)/config.mk
endif

# An older build is configured again as it was.
$(B)/config.mk: configure
	$(or $(CONFIGURED_AS),./configure) --builddir=$(B)

NGINX_MODULE = $(B)/ngx_http_shop_module.so
LIBSHOP      = $(B)/libshop.so.1.0.0
LIBSHOP_UV   = $(B)/libshop-uv.so.1.0.0
LINKS        = $(LIBSHOP:.0.0=) $(LIBSHOP:.1.0.0=) \
               $(LIBSHOP_UV:.0.0=) $(LIBSHOP_UV:.1.0.0=)


# Sources and objects.

UV_C    = $(wildcard libshop/uv/*.c)
LIB_C   = $(filter-out $(UV_C),$(wildcard libshop/*.c libshop/*/*.c))
LIB_SQL = $(wildcard libshop/*/*.sql)
LIB_S   = $(if $(filter 1,$(CORO_ASM)),$(wildcard libshop/core/*.S))
CTL_C   = $(wildcard shopctl/*.c)
CTL_SQL = $(wildcard shopctl/*.sql)
SHOPD_C = $(wildcard shopd/*.c)
TOOL_C  = $(wildcard t/tools/*.c)
PROXY_C = $(wildcard t/tools/proxy/*.c)
SERVE_C = $(wildcard t/tools/serve/*.c)
ALLOC_C = $(wildcard t/tools/alloc/*.c)
SCRIPT_C = $(wildcard t/script/*.c)
FUZZ_C  = $(filter-out t/fuzz/replay.c,$(wildcard t/fuzz/*.c))
UNIT_C  = $(wildcard t/unit/*.c t/unit/*/*.c)
UNIT_TESTS = $(filter %_test.c,$(UNIT_C))

LIB_GEN = $(LIB_SQL:libshop/%.sql=$(B)/gen/%.sql.c)
CTL_H   = $(CTL_SQL:%.sql=$(B)/gen/%.sql.h) \
          $(if $(CTL_C),$(B)/gen/shopctl/invariants.sql.h)
SQL_H   = $(patsubst %.c,%.h,$(LIB_GEN)) $(CTL_H)
GEN_H   = $(SQL_H) $(if $(wildcard sql/sqitch.plan),$(B)/gen/schema.h)

object   = $(patsubst %,$(B)/obj/%.o,$(basename $(1:$(B)/%=%)))
LIB_O    = $(call object,$(LIB_C) $(LIB_GEN)) $(LIB_S:%.S=$(B)/obj/%.S.o)
UV_O     = $(call object,$(UV_C))
CTL_O    = $(call object,$(CTL_C))
SHOPD_O  = $(call object,$(SHOPD_C))
TOOLS    = $(TOOL_C:t/tools/%.c=$(B)/%)
FUZZERS  = $(FUZZ_C:t/fuzz/%.c=$(B)/fuzz/%)
CTL_PART = $(filter-out %/main.o,$(CTL_O))
UNIT_O   = $(call object,$(UNIT_C) $(B)/gen/unit_main.c)

COMPILE = $(CC) $(CFLAGS) $(WARN) -Ilibshop -I$(B)/gen -I$(B) -I. \
          $(CPPFLAGS) -MMD -MP
DEFS    = -Wl,-z,defs

all: $(LINKS) $(B)/libshop.a $(if $(CTL_C),$(B)/shopctl) \
     $(if $(SHOPD_C),$(B)/shopd) \
     $(if $(wildcard ngx_module/config),$(NGINX_MODULE))

$(B)/obj/%.o: %.c $(B)/config.mk | $(GEN_H)
	@mkdir -p $(@D)
	@echo "  cc $<"
	@$(COMPILE) -c -o $@ $<

$(B)/obj/t/unit/%.o: COMPILE += -It/unit

$(B)/obj/%.o: $(B)/%.c $(B)/config.mk | $(GEN_H)
	@mkdir -p $(@D)
	@echo "  cc $<"
	@$(COMPILE) -c -o $@ $<

$(B)/obj/%.S.o: %.S $(B)/config.mk
	@mkdir -p $(@D)
	@echo "  as $<"
	@$(COMPILE) -c -o $@ $<

# Named statements: catalog.sql gives gen/catalog/catalog.sql.c and .h.
define SQL2C
	@mkdir -p $(@D)
	@echo "  sql2c $<"
	@tools/sql2c $< $(B)/gen/$*.sql.c $(B)/gen/$*.sql.h
endef
$(B)/gen/%.sql.c $(B)/gen/%.sql.h: libshop/%.sql tools/sql2c
	$(SQL2C)

# What shopctl sends as it is.
define SQL2TEXT
	@mkdir -p $(@D)
	@echo "  sql2text $<"
	@tools/sql2text $< $@
endef
$(B)/gen/shopctl/%.sql.h: shopctl/%.sql tools/sql2text
	$(SQL2TEXT)
$(B)/gen/shopctl/invariants.sql.h: sql/invariants.sql tools/sql2text
	$(SQL2TEXT)

# The last change of the plan, which /readyz compares with the database's, and
# all of them, for shopctl check.
$(B)/gen/schema.h: sql/sqitch.plan Makefile
	@mkdir -p $(@D)
	@awk '/^[^%#@ \t]/ { last = $$1; all = all " \"" $$1 "\"," } END { \
	    print "/* From sql/sqitch.plan. */"; \
	    printf "#define SHOP_SCHEMA_CHANGE \"%s\"\n", last; \
	    printf "#define SHOP_SCHEMA_CHANGES%s\n", all }' $< > $@

$(B)/gen/unit_main.c: tools/unit-main $(UNIT_TESTS)
	@mkdir -p $(@D)
	@tools/unit-main $(UNIT_TESTS) > $@

-include $(patsubst %.o,%.d,$(LIB_O) $(UV_O) $(CTL_O) $(SHOPD_O) \
    $(UNIT_O) \
    $(call object,$(TOOL_C) $(PROXY_C) $(SERVE_C) $(ALLOC_C) $(SCRIPT_C) \
        $(wildcard t/fuzz/*.c) \
        t/torture/cases.c))


# Products.

# Programs that tests and measurements need, a file each and its folder;
# uvserve has a shop in it, allocserve also the inside of one, and zonecheck
# knows its shared memory.
$(B)/faultproxy: $(call object,$(PROXY_C))
$(B)/zonecheck: $(B)/libshop.a
$(B)/zonecheck: TOOL_LIBS = $(LIBS)
$(B)/uvserve: $(call object,$(SERVE_C)) | $(LINKS)
$(B)/allocserve: $(call object,$(SERVE_C) $(ALLOC_C)) $(UV_O) $(B)/libshop.a
$(B)/allocserve: TOOL_LIBS = $(LIBS) $(UV_LIBS)
$(B)/uvserve: TOOL_LIBS = -L$(B) -lshop-uv -lshop $(UV_LIBS) \
                          '-Wl,-rpath,$$ORIGIN'
$(TOOLS): $(B)/%: $(B)/obj/t/tools/%.o
	@echo "  ld $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)

# A shop in a scripted world, whose libpq is its own.  Each .sed beside it
# plants a bug in a copy of the source that its first line names; the program
# with that is to find it.  One that no longer matches is an error.
SCRIPT_LD = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(filter-out -lpq,$(LIBS))
PLANTS = $(patsubst t/script/%.sed,$(B)/script-%,$(wildcard t/script/*.sed))

$(B)/script: $(call object,$(SCRIPT_C)) $(B)/libshop.a
	@echo "  ld $@"
	@$(SCRIPT_LD)
$(PLANTS): $(B)/script-%: $(B)/obj/plant/%.o $(call object,$(SCRIPT_C)) \
                          $(B)/libshop.a
	@echo "  ld $@"
	@$(SCRIPT_LD)
$(B)/plant/%.c: t/script/%.sed $(wildcard libshop/core/*.c)
	@mkdir -p $(@D)
	@of=libshop/$$(sed -n '1s/^# \([^:]*\):.*/\1/p' $<); \
	    sed -f $< $$of > $@; if cmp -s $$of $@; then \
	    echo "$< changes nothing in $$of" >&2; exit 1; fi

# The same over the C library's context switch, for the tests: of all objects
# only coro.o is another one.
UC   = $(B)/ucontext
UC_O = $(filter-out %.S.o %/core/coro.o,$(LIB_O)) $(UC)/coro.o

$(UC)/config.h: $(B)/config.h
	@mkdir -p $(@D)
	@sed 's/\(SHOP_CORO_ASM  *\)1/\10/' $< > $@
$(UC)/coro.o: CFLAGS += -I$(UC)
$(UC)/coro.o: libshop/core/coro.c $(UC)/config.h $(B)/config.mk | $(GEN_H)
	@echo "  cc $< (ucontext)"
	@$(COMPILE) -c -o $@ $<
$(UC)/libshop.so.1: $(UC_O) libshop/shop.map
	@echo "  ld $@"
	@$(LD_LIBSHOP)
$(UC)/libshop.a: $(UC_O)
	@rm -f $@
	@ar rcs $@ $^
$(UC)/script: $(call object,$(SCRIPT_C)) $(UC)/libshop.a
	@echo "  ld $@"
	@$(SCRIPT_LD)
$(UC)/unit: $(UNIT_O) $(UV_O) $(UC)/libshop.a
	@echo "  ld $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(UV_LIBS) $(CMOCKA_LIBS)
-include $(UC)/coro.d

# What other implementations are held against.
$(B)/cases: $(B)/obj/t/torture/cases.o $(B)/libshop.a
	@echo "  ld $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# Entry points of libFuzzer.  Its main function takes the place of replay.c
# when make fuzz sets these two.
FUZZ_MAIN  = $(B)/obj/t/fuzz/replay.o
FUZZ_FLAGS =

# One has a file of the module in it, and with it nginx's headers; the rest of
# nginx's warnings are not ours.
NGINX_TREE = $(B)/nginx
NGINX_INC = $(addprefix -I$(NGINX_TREE)/,objs src/core src/event \
              src/event/modules src/os/unix src/http src/http/modules \
              src/http/v2)
$(B)/obj/t/fuzz/conf.o: COMPILE += -w -Ingx_module $(NGINX_INC)
$(B)/obj/t/fuzz/conf.o: $(NGINX_TREE)/objs/Makefile

$(FUZZERS): $(B)/fuzz/%: $(B)/obj/t/fuzz/%.o $(FUZZ_MAIN) $(CTL_PART) \
            $(B)/libshop.a
	@mkdir -p $(@D)
	@echo "  ld $@"
	@$(CC) $(CFLAGS) $(FUZZ_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

LD_LIBSHOP = $(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libshop.so.1 \
             $(DEFS) -Wl,--version-script=libshop/shop.map -o $@ \
             $(filter %.o,$^) $(LIBS)

$(LIBSHOP): $(LIB_O) libshop/shop.map
	@echo "  ld $@"
	@$(LD_LIBSHOP)

$(LIBSHOP_UV): $(UV_O) $(LIBSHOP:.1.0.0=)
	@echo "  ld $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libshop-uv.so.1 \
	    $(DEFS) -o $@ $(UV_O) -L$(B) -lshop $(UV_LIBS) \
	    '-Wl,-rpath,$$ORIGIN'

%.so.1: %.so.1.0.0
	@ln -sf $(<F) $@
%.so: %.so.1
	@ln -sf $(<F) $@

$(B)/libshop.a: $(LIB_O)
	@rm -f $@
	@ar rcs $@ $(LIB_O)

$(B)/shopctl: $(CTL_O) $(B)/libshop.a
	@echo "  ld $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# Where it is installed the libraries are beside its folder, here in its own.
$(B)/shopd: $(SHOPD_O) | $(LINKS)
	@echo "  ld $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(SHOPD_O) -L$(B) -lshop-uv -lshop \
	    $(UV_LIBS) -Wl,--enable-new-dtags \
	    '-Wl,-rpath,$$ORIGIN/../lib:$$ORIGIN'

$(B)/unit: $(UNIT_O) $(UV_O) $(B)/libshop.a
	@echo "  ld $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(UV_LIBS) $(CMOCKA_LIBS)

# nginx's warnings are its own affair; its configure takes some ten seconds
# and runs again only when the module's list of files or our options changed.
MODULE_FLAGS = $(filter-out -D_GNU_SOURCE -fvisibility=hidden,$(CFLAGS)) \
               $(CPPFLAGS)

$(B)/nginx/objs/Makefile: ngx_module/config tools/nginx-module $(B)/config.mk \
                          | $(LIBSHOP:.1.0.0=)
	@echo "  configure nginx ($(NGINX_SRC))"
	@CC='$(CC)' MODULE_CFLAGS='$(MODULE_FLAGS)' \
	    MODULE_LDFLAGS='$(filter -fsanitize%,$(LDFLAGS))' \
	    tools/nginx-module $(NGINX_SRC) $(B)

$(NGINX_MODULE): $(B)/nginx/objs/Makefile $(wildcard ngx_module/*.[ch]) \
                 $(wildcard libshop/*.h libshop/core/*.h)
	@echo "  make $@"
	@$(if $(filter %.h,$?),rm -f $(B)/nginx/objs/addon/*/*.o)
	@$(MAKE) -C $(B)/nginx -f objs/Makefile modules >$(B)/nginx/make.log \
	    2>&1 || { cat $(B)/nginx/make.log; exit 1; }
	@cp $(B)/nginx/objs/$(@F) $@


# Running and testing.

run:
	@tools/run
stop:
	@tools/stop

# Packages come first: with nothing installed there is nothing to build with.
test:
	@tools/packages install test
	@$(MAKE) B=$(B) all tools $(B)/unit $(B)/ucontext/unit check-style
	$(B)/unit
	$(B)/ucontext/unit core_coro
	@SHOP_BUILD=$(B) t/run

# ROW= measures some rows, BENCH=quick tries them all in short runs.
bench:
	@tools/packages install test
	@$(MAKE) B=$(B) all tools
	@SHOP_BUILD=$(B) ROW='$(ROW)' BENCH=$(BENCH) t/run -- t/bench/run

tools: $(TOOLS) $(FUZZERS) $(B)/cases $(B)/script $(PLANTS) \
       $(UC)/libshop.so.1 $(UC)/script

# CASES= a group; a failure is seen again with the SEED= that was printed.
CASES = 1000000
SEED  = $(shell date +%s)
torture:
	@tools/packages install test
	@$(MAKE) B=$(B) all tools $(B)/cases
	@t/torture/differential $(B)/cases $(CASES) $(SEED)
	@SHOP_BUILD=$(B) TORTURE=1 t/run t/fault/*.t t/uv/*.t \
	    t/tools/import_kill.t t/core/stream.t t/race/far.t t/ngx/pace_exact.t \
	    t/ngx/slow.t t/api/listeners.t
	@for how in $(OTHERS); do $(MAKE) torture-$$how || exit; done

# The other builds: the C library's context switch, sanitizers, both.  Sweeps
# are as in make test; what a sanitizer's memory or threads forbid is skipped
# by the files themselves.
OTHERS = ucontext asan asan-ucontext
AS_ucontext      = --coroutine=ucontext
AS_asan          = --with-asan
AS_asan-ucontext = --with-asan --coroutine=ucontext
$(OTHERS:%=torture-%): torture-%:
	./configure --builddir=build-$* $(AS_$*)
	@$(MAKE) B=build-$* all tools build-$*/unit
	build-$*/unit
	@SHOP_BUILD=build-$* SEED=$(SEED) t/run t/api/product.t t/core/*.t t/ngx/*.t \
	    t/fault/*.t

# FUZZ_SECONDS= each; FUZZ= names one; FUZZ_KEEP=1 keeps what was found.
CLANG = clang
fuzz:
	@tools/packages install fuzz
	@CC=$(CLANG) CFLAGS='-fsanitize=fuzzer-no-link -DFUZZ_TIMED' \
	    LDFLAGS= ./configure --builddir=build-fuzz --with-asan
	@$(MAKE) B=$(B) $(B)/nginx/objs/Makefile
	@$(MAKE) B=build-fuzz WARN= NGINX_TREE=$(B)/nginx FUZZ_MAIN= \
	    FUZZ_FLAGS=-fsanitize=fuzzer fuzzers
	@t/fuzz/run build-fuzz/fuzz $(FUZZ)
fuzzers: $(FUZZERS)

# The page about the schema, out of a database that has just been migrated.
schema-doc: all
	@SHOP_BUILD=$(B) t/run -- sh -c 'tools/schema-doc \
	    "host=$$SHOP_TEST_DIR dbname=shop_template user=shop_owner"' \
	    > $(B)/schema.md
	@cp $(B)/schema.md docs/schema.md

# What programs rely on, as it is now; t/tools/abi.t compares.
abi: $(LINKS)
	@CC='$(CC)' tools/abi --libdir $(B) libshop/shop.h libshop/uv/shop_uv.h \
	    > $(B)/shop.abi
	@cp $(B)/shop.abi libshop/shop.abi

# What clients of the API rely on, as it is now; t/tools/contract.t compares.
contract: all
	@SHOP_BUILD=$(B) CONTRACT=1 t/run t/tools/contract.t

unit: $(B)/unit
	$(B)/unit

check-style:
	tools/checkstyle
	tools/checkdeps

asan:
	./configure --builddir=build-asan --with-asan
	@$(MAKE) B=build-asan all build-asan/unit
	build-asan/unit

# What other programs ask pkg-config for.  PREFIX may differ from one make to
# the next, so these are always made; and anew, as root may have made them.
PC = $(B)/libshop.pc $(B)/libshop-uv.pc
PC_HEAD = 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$${prefix}/include'
PC_TAIL = 'Version: $(VERSION)' 'Cflags: -I$${includedir}'

$(B)/libshop.pc:
	@rm -f $@
	@printf '%s\n' $(PC_HEAD) '' 'Name: libshop' \
	    'Description: A shop as a library, for nginx and other programs' \
	    $(PC_TAIL) 'Libs: -L$${libdir} -lshop' > $@
$(B)/libshop-uv.pc:
	@rm -f $@
	@printf '%s\n' $(PC_HEAD) '' 'Name: libshop-uv' \
	    'Description: A shop on a libuv loop' 'Requires: libshop libuv' \
	    $(PC_TAIL) 'Libs: -L$${libdir} -lshop-uv' > $@

# The same for programs that are built over this folder, as the examples are:
# pkg-config takes NAME-uninstalled.pc before NAME.pc.
HERE = $(abspath $(B))
$(B)/libshop-uninstalled.pc: Makefile
	@printf '%s\n' 'Name: libshop' 'Description: libshop, not installed' \
	    'Version: $(VERSION)' 'Cflags: -I$(CURDIR)/libshop' \
	    'Libs: -L$(HERE) -lshop -Wl,-rpath,$(HERE)' > $@
$(B)/libshop-uv-uninstalled.pc: Makefile
	@printf '%s\n' 'Name: libshop-uv' \
	    'Description: libshop-uv, not installed' \
	    'Requires: libshop libuv' 'Version: $(VERSION)' \
	    'Cflags: -I$(CURDIR)/libshop/uv' \
	    'Libs: -L$(HERE) -lshop-uv -Wl,-rpath,$(HERE)' > $@

examples: $(LINKS) $(B)/libshop-uninstalled.pc $(B)/libshop-uv-uninstalled.pc
	@PKG_CONFIG_PATH=$(HERE) $(MAKE) -C examples OUT=$(HERE)/examples \
	    CFLAGS='-O2 -g -Wall -Wextra -Werror $(filter -fsan%,$(CFLAGS))'

# The module finds the library two folders up from its own, or where ld.so
# looks; after an install into /usr/local run ldconfig.
ROOT_LIB = $(DESTDIR)$(LIBDIR)
ROOT     = $(DESTDIR)$(PREFIX)
ROOT_SQL = $(ROOT)/share/shop/sql
install: all $(PC)
	install -d $(ROOT_LIB)/pkgconfig $(ROOT)/include $(ROOT)/bin \
	    $(DESTDIR)$(MODULESDIR) $(ROOT)/share/man/man1 $(ROOT)/share/man/man8 \
	    $(ROOT_SQL)/deploy $(ROOT_SQL)/revert $(ROOT_SQL)/verify \
	    $(ROOT)/share/shop/monitoring
	install -m 755 $(LIBSHOP) $(LIBSHOP_UV) $(ROOT_LIB)
	cp -P $(LINKS) $(ROOT_LIB)
	install -m 644 $(PC) $(ROOT_LIB)/pkgconfig
	install -m 644 libshop/shop.h libshop/uv/shop_uv.h $(ROOT)/include
	install -m 755 $(B)/shopctl $(B)/shopd $(ROOT)/bin
	install -m 755 $(NGINX_MODULE) $(DESTDIR)$(MODULESDIR)
	install -m 644 shopctl/shopctl.1 $(ROOT)/share/man/man1
	install -m 644 shopd/shopd.8 $(ROOT)/share/man/man8
	install -m 644 sql/sqitch.conf sql/sqitch.plan $(ROOT_SQL)
	install -m 644 docs/monitoring/* $(ROOT)/share/shop/monitoring
	for part in deploy revert verify; do \
	    install -m 644 sql/$$part/*.sql $(ROOT_SQL)/$$part || exit 1; \
	done

clean:
	rm -rf $(B)

help:
	@echo 'make              build, in $(B) (B=DIR: a folder of another ./configure)'
	@echo 'make run          a whole shop on http://127.0.0.1:8080 (PORT=)'
	@echo 'make stop         end it; its data stays'
	@echo 'make test         everything that is checked'
	@echo 'make bench        against nginx and PostgreSQL; ROW=NAME, BENCH=quick'
	@echo 'make unit         the unit tests alone'
	@echo 'make check-style  layout of the code, and who includes whom'
	@echo 'make asan         the unit tests under AddressSanitizer and UBSan'
	@echo 'make fuzz         each parser for FUZZ_SECONDS=60; FUZZ= names one'
	@echo 'make fuzzers      the entry points of the fuzzers, for the tests'
	@echo 'make torture      a million cases against other implementations, the'
	@echo '                  sweeps of t/fault, t/uv, streams and the import whole, and'
	@echo '                  three more builds: hours (torture-asan: one of them)'
	@echo 'make tools        the programs that tests and bench need'
	@echo 'make schema-doc   docs/schema.md anew, out of the migrations'
	@echo 'make examples     small programs with a shop in them, in $(B)/examples'
	@echo 'make abi          libshop/shop.abi anew, when an interface has changed'
	@echo 'make contract     docs/contract.txt anew, when the API has more'
	@echo 'make install      PREFIX=, DESTDIR='
	@echo 'make clean        remove $(B)'

.PHONY: all run stop test bench tools schema-doc abi contract unit examples \
        check-style asan fuzz fuzzers torture $(OTHERS:%=torture-%) install \
        clean help $(PC)
