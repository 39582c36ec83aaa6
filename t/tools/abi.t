# What programs and the libraries agree on: the headers stand alone, the
# libraries give out what their maps say and nothing else, and sizes, offsets
# and constants are those of libshop/shop.abi.

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
my $dir = tempdir(CLEANUP => 1);
my %header = ('libshop'    => 'libshop/shop.h',
              'libshop-uv' => 'libshop/uv/shop_uv.h');
my %map = ('libshop'    => 'libshop/shop.map',
           'libshop-uv' => 'libshop/uv/shop_uv.map');

chdir $top or die "$top: $!";


# What a command prints, on either channel, and whether it succeeds.
sub run {
    my (@command) = @_;

    open my $in, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command or die $!;
    my $output = do { local $/; <$in> } // '';
    close $in;

    return ($? == 0, $output);
}


# Lines that only one of two texts has.
sub difference {
    my ($old, $new) = @_;
    my %old = map { $_ => 1 } split /\n/, $old;
    my %new = map { $_ => 1 } split /\n/, $new;

    return ((map { "- $_" } grep { !$new{$_} } split /\n/, $old),
            (map { "+ $_" } grep { !$old{$_} } split /\n/, $new));
}


# --- the headers stand alone -------------------------------------------------

my @strict = qw(-Wall -Wextra -Werror -pedantic -fsyntax-only);
my @languages = (['cc', '-xc', '-std=c99'], ['cc', '-xc', '-std=c11'],
                 ['g++', '-xc++', '-std=c++11'],
                 ['g++', '-xc++', '-std=c++17']);

# libuv's header needs POSIX, which -std=c99 leaves out.
sub compiles {
    my ($language, $text) = @_;
    my @posix = $text =~ /shop_uv/ ? '-D_POSIX_C_SOURCE=200809L' : ();

    write_file("$dir/alone.c", $text);
    return run(@$language, @strict, @posix, '-Ilibshop', '-Ilibshop/uv',
               "$dir/alone.c");
}

for my $name (sort keys %header) {
    my ($file) = $header{$name} =~ m{([^/]+)$};

    for my $language (@languages) {
        my ($ok, $said) = compiles($language, <<"END");
#include <$file>
#include <$file>
shop_conf_t  conf = SHOP_CONF_INIT;
END
        ok($ok, "$file alone, twice, as $language->[2]") or diag($said);
    }
}

ok(!(compiles(['cc', '-xc', '-std=c99'],
              "#include <shop.h>\nint f(void) { return SHOP_NONE; }\n"))[0],
   'this would notice what does not compile');


# --- symbols -----------------------------------------------------------------

my $now = abi($build, values %header);

sub abi {
    my ($libdir, @headers) = @_;
    my ($ok, $said) = run('tools/abi', '--libdir', $libdir, sort @headers);

    ok($ok, 'tools/abi succeeds') or diag($said);
    return $said;
}

for my $name (sort keys %map) {
    my ($global) = slurp($map{$name}) =~ /global:(.*?)local:/s;
    my @want = sort $global =~ /(\w+);/g;
    my @got = $now =~ /^symbol $name (\w+)$/mg;

    is_deeply(\@got, \@want, "$name gives out what its map says, no more");
    for my $symbol (@want) {
        like(slurp($header{$name}), qr/\b$symbol\(/, "its header has $symbol");
    }
}


# --- sizes, offsets, constants -----------------------------------------------

SKIP: {
    skip 'recorded for 64 bits', 1 if length(pack 'P', 'x') != 8;

    my @difference = difference(slurp('libshop/shop.abi'), $now);
    is(scalar @difference, 0, 'the interface is the recorded one')
        or diag(join "\n", @difference, <<'END');

Programs were compiled with what has a "-".  If that is meant, raise SHOP_ABI,
unless it was raised since the last release or lines were only added; then
"make abi" records it.  docs/embedding.md says more.
END
}


# --- would a breach be noticed? ----------------------------------------------

# Both planted beside libraries and headers that are as they should be.
my $wider = slurp('libshop/shop.h')
    =~ s/(int\s+cache_off;)/uint32_t more_ms;\n    $1/r;
write_file("$dir/shop.h", $wider);
my @seen = difference($now, abi($build, "$dir/shop.h",
                                'libshop/uv/shop_uv.h'));
ok((grep { /^\+     more_ms \d+ 4$/ } @seen), 'a new member is')
    or diag(join "\n", @seen);
ok((grep { /^-     cache_off / } @seen), 'and that it moves another')
    or diag(join "\n", @seen);

write_file("$dir/more.c", "int shop_version; int shop_secret;\n");
ok((run('cc', '-shared', '-fPIC', '-o', "$dir/libshop.so.1",
        "$dir/more.c"))[0], 'a library with one symbol too many');
symlink "$build/libshop-uv.so.1", "$dir/libshop-uv.so.1" or die $!;
like(abi($dir, 'libshop/shop.h'), qr/^symbol libshop shop_secret$/m, 'it is');

done_testing();
