# Toy.pm - a shop with one domain more, t/toy, in which tests find a route for
# everything that core/ promises.
#
#     use Shop::Test;
#     use Shop::Toy;
#
#     start_toys(workers => 2);
#     my $toy = make_toy(name => 'train');
#
# It is built once a run of t/run, from a copy of the tree.

package Shop::Toy;

use strict;
use warnings;

use Exporter 'import';
use Fcntl qw(LOCK_EX);

use Shop::Copy;
use Shop::Test;

our @EXPORT = qw(start_toys make_toy toy_id toy_name counter ask answer_to
                 all_waiting commits_wait commits_go);

my $copy = "$ENV{SHOP_TEST_DIR}/toys";
my $made = 0;
my $standby;


# As start_shop().
sub start_toys {
    my (%options) = @_;

    build_toys();
    return start_shop(lib => "$copy/lib", template => 'toy_template',
                      %options);
}


sub build_toys {
    open my $lock, '>', "$copy.lock" or die "$copy.lock: $!";
    flock $lock, LOCK_EX or die "$copy.lock: $!";
    return if -e "$copy/done";

    copy_tree($copy);
    rename "$copy/t/toy", "$copy/libshop/toy" or die "t/toy: $!";
    rename "$copy/libshop/toy/deploy.sql", "$copy/sql/deploy/toy.sql"
        or die "deploy.sql: $!";
    append("$copy/libshop/domains.def", "DOMAIN(toy)\n");
    append("$copy/sql/sqitch.plan", "toy [core] 2025-01-07T09:00:00Z "
        . "Shop <shop\@localhost> # For the tests\n");
    my $b = build_folder();
    build($copy, "$b/libshop.so.1");
    run_in($copy, 'sh', '-c', <<'END', $copy, $b, $ENV{SHOP_TEST_DIR});
top=$0
. tools/shopenv
mkdir lib && chmod 755 lib && { copy_module "$1" lib || true; } &&
sql "$2" postgres postgres -c "CREATE DATABASE toy_template
    TEMPLATE shop_template OWNER shop_owner" && migrate "$2" toy_template
END
    append("$copy/done", '');
}


# --- toys ------------------------------------------------------------------

# A row, made by the owner; returns its id as it is shown.
sub make_toy {
    my (%toy) = @_;

    $toy{name} //= 'toy ' . ++$made;
    my @columns = sort keys %toy;
    my $id = sql_value("INSERT INTO toys (" . join(', ', @columns) . ")
        VALUES (" . join(', ', map { '?' } @columns) . ") RETURNING id",
        @toy{@columns});
    return toy_name($id);
}


my @digits = split //, '0123456789abcdefghjkmnpqrstvwxyz';
my %digit = map { $digits[$_] => $_ } 0 .. 31;


# A uuid as it is shown, and back.
sub toy_name {
    my ($uuid) = @_;
    my $bits = '00' . unpack 'B128', pack 'H32', $uuid =~ tr/-//dr;

    return 'toy_' . join '', map { $digits[oct "0b$_"] } $bits =~ /.{5}/g;
}


sub toy_id {
    my ($name) = @_;
    my $bits = join '', map { sprintf '%05b', $digit{$_} }
        split //, $name =~ s/^toy_//r;

    return join '-', unpack('H32', pack 'B128', substr $bits, 2)
        =~ /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;
}


# --- looking, and asking without waiting -----------------------------------

sub counter {
    my ($name) = @_;

    return status()->{counters}{$name} // die "no counter $name\n";
}


# Send a request on a connection of its own; answer_to() reads what comes.
sub ask {
    my ($method, $path, $body, %headers) = @_;
    my $conn = new_connection();

    $headers{'content-type'} //= 'application/json' if defined $body;
    $conn->send($method, $path, \%headers,
                ref $body ? JSON::PP->new->utf8->canonical->encode($body)
                          : $body);
    return $conn;
}


sub answer_to {
    my ($conn, $method) = @_;
    my $res = $conn->read_response($method // 'POST');

    $conn->close;
    $res->{json} = eval { JSON::PP->new->utf8->decode($res->{body}) };
    return $res;
}


# Wait until so many sessions of the application wait for a lock, or for what
# is named.  In a session of its own: within a transaction PostgreSQL shows
# what it showed before.
sub all_waiting {
    my ($n, $event) = @_;

    wait_for(sub { (sql_as('postgres', <<'END', $event // 'Lock', $n))[0][0] },
SELECT count(*) >= $2 FROM pg_stat_activity
 WHERE datname = current_database() AND usename = 'shop_app'
   AND $1 IN (wait_event_type, wait_event)
END
             "$n sessions wait");
}


# From now on every COMMIT of the application is done, and its answer held
# back, until commits_go(): it waits for a standby that does not exist.  The
# setting is the server's, so one test at a time has it.
sub commits_wait {
    open $standby, '>', "$ENV{SHOP_TEST_DIR}/standby.lock"
        or die "standby.lock: $!";
    flock $standby, LOCK_EX or die "standby.lock: $!";
    sql_as('postgres', 'ALTER ROLE shop_app IN DATABASE '
        . sql_value('SELECT current_database()')
        . ' SET synchronous_commit = on');
    standby_names('nobody');
    my $lost = counter('db_lost_total');
    my $n = pg_kill("application_name LIKE 'shop-tx%'");
    wait_for(sub { counter('db_lost_total') >= $lost + $n }, 'new sessions');
}


sub commits_go {
    standby_names('');
    close $standby;
}


sub standby_names {
    my ($names) = @_;

    sql_as('postgres',
        "ALTER SYSTEM SET synchronous_standby_names = '$names'");
    sql_as('postgres', 'SELECT pg_reload_conf()');
    wait_for(sub {
        sql_value('SHOW synchronous_standby_names') eq $names
    }, 'the setting');
}

1;
