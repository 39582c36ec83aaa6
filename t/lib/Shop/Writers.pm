# Writers.pm - clients that write for as long as something happens to the
# servers, and the reckoning afterwards.
#
#     use Shop::Test;
#     use Shop::Writers;
#
#     start_shop();
#     as_key('products.write');
#     writers_start(8);
#     ... reload, kill, cut ...
#     my %count = writers_stop();             # acked, maybe
#
# Half of them send an Idempotency-Key and repeat until they are told that it is
# done; the others repeat what was refused, and leave it at that when nobody
# knows.  writers_start(8, torn => 1) allows connections that end without an
# answer, of which nobody knows either; writers_start(8, calm => 1) has no
# trouble at all, and nothing is refused.

package Shop::Writers;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use Time::HiRes qw(sleep);

use Shop::Test;

our @EXPORT = qw(writers_start writers_stop writers_halt writers_go_on
                 committed_more commits_take_time);

my (@writers, $journal, $torn, $calm, $silent);
my $test = $$;


sub writers_start {
    my ($n, %options) = @_;

    ($torn, $calm) = @options{qw(torn calm)};
    $journal = "$ENV{SHOP_TEST_DIR}/journal$$";
    $silent = silent();
    @writers = map {
        my $pid = fork // die "fork: $!";
        writer($_) if !$pid;
        $pid;
    } 1 .. $n;
}


# They stand still, and what they had begun is over and known to the cache.
sub writers_halt {
    kill STOP => @writers;
    wait_for(sub { status()->{counters}{tx_open} == 0 }, 'no one writes');
    polled();
}


sub writers_go_on { kill CONT => @writers }


# What it began it ends, unless the test is gone.
sub writer {
    my ($i) = @_;
    my $go = 1;

    forget_connections();
    local $SIG{TERM} = sub { $go = 0 };
    open my $out, '>', "$journal.$i" or POSIX::_exit(1);
    $out->autoflush(1);
    for (my $k = 1; $go && getppid == $test; $k++) {
        my $name = "write-$i-$k";
        print $out "$name ", write_one($name, $i % 2) =~ tr/\n/ /r, "\n";
    }
    POSIX::_exit(0);
}


# "acked" when it is done, "maybe" when nobody knows, or what is wrong.
sub write_one {
    my ($name, $with_key) = @_;
    my %headers = $with_key ? ('idempotency-key' => $name) : ();

    while (1) {
        my $res = eval { post('/api/admin/v1/products', { title => $name },
                              %headers) };
        my $code = $res ? $res->{json}{code} // '' : 'torn';

        POSIX::_exit(1) if getppid != $test;
        return "wrong no answer: $@" if !$res && !$torn;
        return 'acked' if $res && $res->{status} == 201;
        return 'maybe' if $code =~ /^(?:outcome_unknown|torn)$/ && !$with_key;
        return "wrong $res->{status} $res->{body}"
            if $res && ($calm || $code ne 'request_in_progress'
                        && $res->{status} != 504
                        && !($res->{status} == 503
                             && $res->{headers}{'retry-after'}));
        sleep 0.02;
    }
}


# COMMIT of a new product takes its time, so that what is killed is in it.
sub commits_take_time {
    sql(<<'SQL');
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.01);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON products
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
SQL
}


# Until so many more transactions were committed.
sub committed_more {
    my ($n) = @_;
    my $now = committed();

    wait_for(sub { committed() >= $now + $n }, "$n are committed");
}


sub committed { return status()->{counters}{tx_committed_total} }


# How many products nobody has told of.
sub silent {
    return sql_value("SELECT (SELECT count(*) FROM products)
        - (SELECT count(*) FROM events WHERE type = 'product.created')
        - (SELECT count(*) FROM outbox WHERE type = 'product.created')");
}


# Each that was acknowledged is there, once; none is there twice, nor without
# having been asked for, nor without its event.  Returns how many were
# acknowledged, and not known.
sub writers_stop {
    writers_go_on();
    kill TERM => @writers;
    waitpid $_, 0 for @writers;

    my %there = map { $_->[0] => $_->[1] } sql(
        "SELECT title, count(*) FROM product_i18n
          WHERE title LIKE 'write-%' GROUP BY title");
    my %count = (acked => 0, maybe => 0);
    my @wrong;
    for my $line (map { split /\n/, read_file("$journal.$_") }
                  1 .. @writers) {
        my ($name, $how) = split ' ', $line;
        my $times = delete $there{$name} // 0;

        $count{$how}++;
        push @wrong, $line if $how eq 'wrong';
        push @wrong, "$name $how, and is there $times times"
            if $how eq 'acked' && $times != 1 || $times > 1;
    }
    is(join("\n", @wrong), '', 'each that was acknowledged is there, once');
    is(join(' ', sort keys %there), '', 'and nothing that nobody asked for');
    is(silent(), $silent, 'and each has its event');
    return %count;
}

1;
