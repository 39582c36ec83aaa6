# Import.pm - the row about shopctl import: rows a second, and whether memory
# stays what it is when the file grows.

package Bench::Import;

use strict;
use warnings;

use Bench::Report;
use FindBin;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

# Beyond this much more memory for ten times the rows it is not constant.
use constant MORE_KB => 2048;


# Each size into a shop of its own, then once more with nothing to change.
sub at_size {
    my ($bench) = @_;
    my ($small, $large) = @{ $bench->{imports} };
    my $less = import_of($bench, $small);
    my $more = import_of($bench, $large);

    return {
        what    => 'import of ' . Bench::Report::commas($large) . ' rows',
        against => Bench::Report::commas($small) . ' rows',
        ours    => figures($more->[0]),
        theirs  => figures($less->[0]),
        result  => sprintf('%+.1f MB', ($more->[0]{kb} - $less->[0]{kb})
                           / 1024),
        bar     => 'memory + 2 MB',
        verdict => verdict($more->[0]{kb} <= $less->[0]{kb} + MORE_KB),
        note    => 'the whole command, with a PostgreSQL that does not wait '
            . 'for the disk; once more, with nothing to change: '
            . figures($more->[1]),
    };
}


sub figures {
    my ($run) = @_;

    return sprintf '%s rows/s; %.1f MB',
        Bench::Report::commas($run->{rows} / $run->{seconds}),
        $run->{kb} / 1024;
}


sub import_of {
    my ($bench, $rows) = @_;
    my $name = "import_$rows";
    my $file = "$ENV{SHOP_TEST_DIR}/$name.csv";
    my $database = $bench->{conninfo} =~ s/dbname=\S+/dbname=$name/r;

    system("$FindBin::Bin/../tools/shopify-csv $rows > $file") == 0
        or die "shopify-csv failed\n";
    $bench->{dbh}->do("CREATE DATABASE $name TEMPLATE shop_template "
                      . 'OWNER shop_owner');
    my @runs = map { run($database, $file, $rows) } 1, 2;
    $bench->{dbh}->do("DROP DATABASE $name WITH (FORCE)");
    unlink $file;
    return \@runs;
}


# The most memory that it ever had is told until it ends.
sub run {
    my ($database, $file, $rows) = @_;
    my $begun = time;
    my $kb = 0;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        exec "$ENV{SHOP_BUILD}/shopctl", '--database', $database, 'import',
            'shopify', $file or POSIX::_exit(127);
    }
    while (waitpid($pid, WNOHANG) == 0) {
        my $now = most_kb($pid);
        $kb = $now if $now;
        sleep 0.02;
    }
    die "shopctl import failed\n" if $?;
    return { rows => $rows, seconds => time - $begun, kb => $kb };
}


sub most_kb {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/status" or return;
    while (my $line = <$in>) {
        return $1 if $line =~ /^VmHWM:\s+(\d+)/;
    }
    return;
}

1;
