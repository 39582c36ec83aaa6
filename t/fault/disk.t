#!/usr/bin/perl
#
# disk.t - the only disk of a machine is full: PostgreSQL can write neither
# tables nor its log, nginx neither logs nor bodies.  Reads go on, writes are
# refused and are not half done, and when there is room again all is as before.
#
# Everything is on a small file system of the test's own, which nobody else
# sees and which ends with it; that takes root's rights.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::Bin/../lib";

my $base;

sub in_shell {
    my ($script) = @_;

    return system('sh', '-c',
                  "cd \$1 && top=\$1 && . tools/shopenv && $script", 'sh',
                  abs_path("$FindBin::Bin/../.."), $base) == 0;
}

# As t/run prepares one, on 400 MB.
sub small_machine {
    mkdir $base or die "$base: $!";
    system('mount', '-t', 'tmpfs', '-o', 'size=400m,mode=755', 'none',
           $base) == 0 or die "mount failed\n";
    $ENV{SHOP_TEST_PG_OPTIONS} .= " -k $base";
    in_shell(<<'END') or die "the small machine could not be made\n";
        { as_shop true; chown shop: "$2"; own_folder "$2/lib" &&
          copy_module "$SHOP_BUILD" "$2/lib"; pg_create "$2/pg" &&
          pg_start "$2/pg" "$2" "$2/postgresql.log" fsync=off \
              max_wal_size=64MB min_wal_size=32MB &&
          create_database "$2" shop_template &&
          migrate "$2" shop_template; } >"$2/setup.log" 2>&1
END
}

# The order matters: Shop::Test looks where its servers are when it is loaded.
BEGIN {
    my @mounts = qw(unshare --mount --propagation private);

    if ($> == 0 && !$ENV{SHOP_TEST_MOUNTS}
        && system(@mounts, 'mount', '-t', 'tmpfs', 'none', '/mnt') == 0)
    {
        $ENV{SHOP_TEST_MOUNTS} = 1;
        exec @mounts, $^X, $0, @ARGV or die "unshare: $!";
    }
    if ($ENV{SHOP_TEST_MOUNTS} && $ENV{SHOP_TEST_DIR}) {
        $base = "$ENV{SHOP_TEST_DIR}/full$$";
        small_machine();
        $ENV{SHOP_TEST_DIR} = $base;
    }
}

use Shop::Test;

plan skip_all => 'only root may mount a small file system'
    if !$ENV{SHOP_TEST_MOUNTS};

END {
    if ($base) {
        my $status = $?;
        in_shell('pg_stop "$2/pg"');
        system('umount', '--lazy', $base);
        rmdir $base;
        $? = $status;
    }
}

# --- the shop ----------------------------------------------------------------

my $shop = start_shop(http => 'client_body_buffer_size 128k;
                               shop_cache_zone 12m;',
                      server => 'access_log access.log;');
my ($worker) = workers();
my (%acked, %told);

allow_log(qr/No space left on device/);
as_key('products.write', 'products.read');
my $kept = write_one('Kept');
my $path = "/api/v1/products/$kept->{id}";
is(get($path)->{status}, 200, 'a product');

sub write_one {
    my ($title) = @_;
    my $text = join ' ', map { int rand 1e9 } 1 .. 6000;
    my $res = post('/api/admin/v1/products',
        { title => $title, status => 'active',
          description => "<p>$text</p>" });

    $told{ "$res->{status} " . ($res->{json}{code} // '') }++;
    $acked{ $res->{json}{id} } = $title if $res->{status} == 201;
    return $res->{json};
}

# --- full --------------------------------------------------------------------

sub fill {
    open my $out, '>>', "$base/ballast" or die "ballast: $!";
    for my $size (1 << 20, 4096, 1) {
        1 while syswrite $out, 'x' x $size;
    }
}

sub refused {
    my $n = 0;

    $n += $told{$_} for grep { /^503 / } keys %told;
    return $n;
}

fill();
wait_for(sub { fill(); write_one('More'); refused() >= 5 },
         'writes are refused');
is(join(' ', grep { !/^(?:201 |503 (?:database_unavailable|outcome_unknown))$/ }
        sort keys %told), '', 'each write is done, or refused, or unknown')
    or diag(join ', ', map { "$_: $told{$_}" } sort keys %told);
for my $n (1 .. 20) {
    my $res = get($path);
    is("$res->{status} $res->{json}{title}", '200 Kept', "read $n") or last;
}
my $large = post('/api/admin/v1/products', ' ' x 200_000 . '{}');
like("$large->{status} $large->{headers}{'content-type'}",
     qr{^503 application/problem\+json},
     'a body that would go to the disk is refused');
is($large->{headers}{'retry-after'}, 1, 'for now');
is((workers())[0], $worker, 'the worker is the same');

# --- room again --------------------------------------------------------------

unlink "$base/ballast" or die "ballast: $!";
my $alone = eval { wait_for(sub { (write_one('Last') // {})->{id} },
                            'a write is done', 20) };
if (!$alone) {
    # What no process is left of, the system starts anew.
    ok(in_shell('! pg_alive "$2/pg"'), 'PostgreSQL had given up');
    pg_start();
    wait_for(sub { (write_one('Last') // {})->{id} }, 'a write is done');
}
wait_for(sub { get('/readyz')->{status} == 200 }, 'ready');
my %there = map { $_->[0] => $_->[1] } sql(<<'SQL');
SELECT id, title FROM products JOIN product_i18n ON product_id = id
SQL
my $unknown = $told{'503 outcome_unknown'} // 0;
cmp_ok(keys %there, '>=', keys %acked, 'no acknowledged product is lost');
cmp_ok(keys %there, '<=', keys(%acked) + $unknown, 'and none is made twice');
my %open = map { $_ => get("/api/admin/v1/products/$_")->{status} }
    keys %acked;
is(join(' ', grep { $open{$_} != 200 } keys %open), '',
   'each of them can be read');
is((workers())[0], $worker, 'by the same worker');
diag(scalar(keys %acked) . " acknowledged; " . join ', ',
     map { "$_: $told{$_}" } sort keys %told);

done();
