# The examples, built as somebody else would: from an installed libshop in an
# empty root, by pkg-config, in a folder of their own.  Each is asked what nginx
# is asked too, and prints the same.

use strict;
use warnings;

use File::Copy qw(copy);
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $top = top_folder();
my $root = tempdir(CLEANUP => 1);

start_shop(workers => 1);
sql(<<'SQL');
INSERT INTO products (id, handle, status, published_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'mug', 'active', '2026-02-03');
INSERT INTO product_i18n (product_id, locale, title)
VALUES ('00000000-0000-7000-8000-000000000001', 'en', 'Mug'),
       ('00000000-0000-7000-8000-000000000001', 'tr', 'Kupa');
INSERT INTO variants (id, product_id, sku, position)
VALUES ('00000000-0000-7000-8000-000000000002',
        '00000000-0000-7000-8000-000000000001', 'MUG', 1);
INSERT INTO slugs (kind, owner_id, locale, slug)
VALUES ('product', '00000000-0000-7000-8000-000000000001', 'en', 'mug'),
       ('product', '00000000-0000-7000-8000-000000000001', 'tr', 'kupa');
SQL
polled();


# What a command prints on standard output, and its exit status.
sub run {
    my (@command) = @_;

    open my $in, '-|', 'timeout', 60, @command or die $!;
    my $output = do { local $/; <$in> } // '';
    close $in;

    return ($? >> 8, $output);
}


sub succeeds {
    my (@command) = @_;
    my ($status, $output) = run('sh', '-c', 'exec "$@" 2>&1', 'sh', @command);

    is($status, 0, "$command[0] succeeds") or diag($output);
    return $output;
}


# --- built over an empty root ------------------------------------------------

delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
succeeds('make', '-C', $top, 'install', "B=$ENV{SHOP_BUILD}",
         'PREFIX=/opt/shop', "DESTDIR=$root");

$ENV{PKG_CONFIG_PATH} = "$root/opt/shop/lib/pkgconfig";
$ENV{PKG_CONFIG_SYSROOT_DIR} = $root;
$ENV{LD_LIBRARY_PATH} = "$root/opt/shop/lib";

# Reachable memory of libraries is no leak; what is lost is.
my $asan = read_file("$ENV{SHOP_BUILD}/config.mk") =~ /^ASAN_LIB *= *\S/m;
my $flags = '-g -Wall -Wextra -Werror'
    . ($asan ? ' -fsanitize=address,undefined' : '');

mkdir "$root/program" or die $!;
copy($_, "$root/program/") or die "$_: $!" for glob "$top/examples/*";
succeeds('make', '-C', "$root/program", "CFLAGS=$flags");

for my $name (qw(product loop two)) {
    like(succeeds('ldd', "$root/program/$name"),
         qr{libshop\.so\.1 => \Q$root\E/opt/shop/lib/},
         "$name found the installed library");
}


# --- and run -----------------------------------------------------------------

my $database = database_url();
my $mug = '/api/v1/products/mug';

sub example {
    my ($name, @args) = @_;

    return run("$root/program/$name", @args);
}

sub answers {
    my ($path, @headers) = @_;

    return get($path, @headers)->{body};
}

my ($status, $said) = example('product', $database, 'mug');
is($status, 0, 'product finds the mug');
is($said, answers($mug) . "\n", 'and prints what nginx answers');

($status, $said) = example('product', $database, 'kupa', 'tr');
is($said, answers('/api/v1/products/kupa', 'accept-language' => 'tr') . "\n",
   'and so in Turkish');

($status, $said) = example('product', $database, 'jug');
is($status, 1, 'it says so when there is none');
like($said, qr/"code":"not_found"/, 'by the problem of the API');

($status, $said) = example('product', 'no such thing', 'mug');
is($status, 2, 'a wrong connection string is refused before it is used');

my @paths = ($mug, '/api/v1/store', '/api/v1/products?limit=1', '/healthz');
($status, $said) = example('loop', $database, @paths);
is($status, 0, 'a loop of its own has all answers');
is(join("\n", sort split /\n/, $said),
   join("\n", sort map { s/\?.*//r . ': 200 ' . answers($_) } @paths),
   'and they are those of nginx');

# While nobody answers on the other side, its timers are what ends the wait.
($status, $said) = example('loop', 'host=127.0.0.1 port=1 dbname=x', $mug);
is($status, 1, 'a connection that is refused is an answer too');
like($said, qr/^\Q$mug\E: 503 /, 'namely 503');

($status, $said) = example('two', $database,
                           $database =~ s/dbname=\S+/dbname=postgres/r, $mug);
is($status, 1, 'of two shops one has no tables');
like($said, qr/^\Q$database: 200 @{[answers($mug)]}\E$/m, 'the other answers');
like($said, qr/dbname=postgres user=shop_app: 50\d /, 'for itself alone');

($status, $said) = example('two', $database, $database, $mug);
is($status, 0, 'two shops of one database answer both');

done();
