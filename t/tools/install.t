# make install into an empty root: all is there, programs find the library by
# pkg-config, and nothing that was installed needs the build's folder.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Tree qw(slurp write_file);
use Test::More;

my $top = abs_path("$FindBin::Bin/../..");
my $build = $ENV{SHOP_BUILD} // "$top/build";
my $root = tempdir(CLEANUP => 1);
my $prefix = "$root/opt/shop";

# In an ASan build what is linked and started needs that build's own flags.
my $asan = slurp("$build/config.mk") =~ /^ASAN_LIB *= *\S/m;
my @flags = $asan ? '-fsanitize=address,undefined' : ();


# What a command printed, on either channel; it must succeed.
sub runs {
    my (@command) = @_;

    open my $in, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command or die $!;
    my $output = do { local $/; <$in> } // '';
    close $in;
    is($?, 0, "$command[0] succeeds") or diag($output);
    chomp $output;

    return $output;
}


# The test is one command of make's among others: it must not share its jobs.
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
runs('make', '-C', $top, 'install', "B=$build", 'PREFIX=/opt/shop',
     "DESTDIR=$root");

my %installed = map { $_ => 1 } split /\n/,
    runs('find', $prefix, '!', '-type', 'd', '-printf', '%P\n');
my @want = (qw(
    bin/shopctl bin/shopd include/shop.h include/shop_uv.h
    lib/libshop.so.1.0.0 lib/libshop.so.1 lib/libshop.so
    lib/libshop-uv.so.1.0.0 lib/libshop-uv.so.1 lib/libshop-uv.so
    lib/nginx/modules/ngx_http_shop_module.so
    lib/pkgconfig/libshop.pc lib/pkgconfig/libshop-uv.pc
    share/man/man1/shopctl.1 share/man/man8/shopd.8
    share/shop/sql/sqitch.plan share/shop/sql/sqitch.conf
    share/shop/monitoring/alerts.yml share/shop/monitoring/alerts_test.yml
    share/shop/monitoring/dashboard.json share/shop/monitoring/prometheus.yml
), map { /^([a-z]\w*) / ? map { "share/shop/sql/$_/$1.sql" }
             qw(deploy revert verify) : () }
    split /\n/, slurp("$top/sql/sqitch.plan"));
is_deeply([sort keys %installed], [sort @want],
          'everything is there, and nothing else');

my ($version) = slurp("$top/libshop/shop.h")
    =~ /^#define SHOP_VERSION\s+"(.*)"/m;


# --- the libraries -----------------------------------------------------------

for my $name (qw(libshop libshop-uv)) {
    is(readlink "$prefix/lib/$name.so.1", "$name.so.1.0.0", "$name.so.1");
    is(readlink "$prefix/lib/$name.so", "$name.so.1", "$name.so");
    like(runs('readelf', '-d', "$prefix/lib/$name.so.1.0.0"),
         qr/SONAME.*\[\Q$name\E\.so\.1\]/, "$name has its soname");
}

# What is found beside itself stays together wherever the root lies.
for my $file ('lib/libshop-uv.so', 'lib/nginx/modules/ngx_http_shop_module.so')
{
    like(runs('ldd', "$prefix/$file"),
         qr{libshop\.so\.1 => \Q$prefix\E/}, "$file finds libshop");
}


# --- a program of somebody else ----------------------------------------------

$ENV{PKG_CONFIG_PATH} = "$prefix/lib/pkgconfig";
$ENV{PKG_CONFIG_SYSROOT_DIR} = $root;
$ENV{LD_LIBRARY_PATH} = "$prefix/lib";

write_file("$root/version.c", <<'END');
#include <shop.h>
#include <stdio.h>

int
main(void)
{
    printf("%s %d\n", shop_version(),
           shop_abi_check(SHOP_ABI, sizeof(shop_host_ops_t),
                          sizeof(shop_conf_t)));
    return 0;
}
END

write_file("$root/loop.c", <<'END');
#include <shop_uv.h>
#include <stdio.h>

int
main(void)
{
    shop_conf_t           conf = SHOP_CONF_INIT;
    shop_uv_request_t     request = { .method = "GET", .path = "/healthz" };
    const shop_answer_t  *answer;
    shop_uv_t            *uv;

    conf.database = "host=/nonexistent dbname=shop";
    conf.cursor_secret[0].data = "0123456789abcdef0123456789abcdef";
    conf.cursor_secret[0].len = 32;
    if (shop_uv_open(&uv, uv_default_loop(), &conf, NULL) != SHOP_OK)
        return 1;
    if (shop_uv_call(uv, &request, &answer) != SHOP_OK)
        return 2;
    printf("%d %.*s\n", answer->status, (int) answer->body.len,
           answer->body.data);
    shop_uv_answer_free(answer);
    shop_uv_close(uv);
    return 0;
}
END

sub compile {
    my ($source, $package) = @_;
    my @options = split ' ', runs('pkg-config', '--cflags', '--libs', $package);

    runs('cc', @flags, '-Wall', '-Wextra', '-pedantic', '-o', "$root/a.out",
         "$root/$source", @options);
    return runs("$root/a.out");
}

is(runs('pkg-config', '--modversion', 'libshop'), $version,
   'pkg-config knows the version');
is(compile('version.c', 'libshop'), "$version 0",
   'a program runs with the library, and both agree on the interface');
is(compile('loop.c', 'libshop-uv'), '200 {"status":"ok"}',
   'one with a loop asks the shop, and is answered');


# --- the rest ----------------------------------------------------------------

is(runs("$prefix/bin/shopctl", '--version'), "shopctl $version",
   'shopctl runs');
is(runs('cmp', "$prefix/share/man/man1/shopctl.1",
        "$top/shopctl/shopctl.1"), '', 'its manual page is the one here');
delete $ENV{LD_LIBRARY_PATH};
is(runs("$prefix/bin/shopd", '--version'), "shopd $version",
   'shopd finds the libraries by itself');
is(runs('cmp', "$prefix/share/man/man8/shopd.8", "$top/shopd/shopd.8"), '',
   'and has its page');
unlike(slurp("$prefix/lib/pkgconfig/$_.pc"), qr/\Q$root\E/,
       "$_.pc does not name the folder of the packaging")
    for qw(libshop libshop-uv);

done_testing();
