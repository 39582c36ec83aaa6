#!/usr/bin/perl
#
# read_sweep.t - every message of a read between nginx and PostgreSQL is the
# last of its connection, or the last that comes through at all: what is
# answered is right, or says that there is no answer.  One message in ten and
# the last of each way; all of them, halves too, with TORTURE=1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::OpenAPI;
use Shop::Test;
use Test::More;

plan skip_all => 'it waits for minutes: make torture' if !torture();

my $net = bad_network();
my (%total, %answers, @paths);

$net->tell('match ^shop-(tx|read|slow)');

sub start {
    my ($deadline) = @_;

    start_shop(workers => 1, database_host => $net->folder,
               http => "shop_cache_zone off; shop_deadline $deadline;");
    load_demo();
    as_key('products.read', 'categories.read');
    @paths = map { address($_) } '/api/v1/products', '/api/v1/categories',
        '/api/v1/products/{product}', '/api/admin/v1/products/{product}',
        '/api/v1/products/{product}/availability', '/api/admin/v1/products';
    return workers();
}

sub address {
    my ($path) = @_;
    my ($op) = grep { $_->{method} eq 'GET' && $_->{path} eq $path }
        operations();

    return fill($op) . ($op->{parameters}{sort} ? '?limit=5' : '');
}

# Right, or none; that there is none was to be expected where it was not
# tried again, or where it hung.
sub judge {
    my ($path, $right, $res) = @_;
    my $code = $res->{json}{code} // '';

    $answers{"$res->{status} $code"}++;
    return '' if $res->{status} == 200 && $res->{body} eq $right;
    return '' if $res->{status} == 504 && $code =~ /_(?:timeout|exceeded)$/;
    return '' if $res->{status} == 503 && $code eq 'database_unavailable'
        && $res->{headers}{'retry-after'};
    return "$res->{status} $res->{body}";
}

# Once a connection goes a read is sent again, and nobody notices.
sub sweep {
    my ($path, @faults) = @_;
    my $right = wait_for(sub {
        my $res = get($path);
        $res->{status} == 200 && $res->{body};
    }, 'it is well');
    my @wrong;

    my @n = each_message($net, sub { get($path) }, sub {
        my ($way, $k) = @_;

        for my $fault (@faults) {
            $net->tell('reset');
            $net->tell($fault =~ s/WAY/$way $k/r);
            my $res = eval { get($path) };
            my $wrong = $res ? judge($path, $right, $res) : $@;
            push @wrong, "$way $k $fault: $wrong" if $wrong;
            push @wrong, "$way $k $fault: $res->{status}"
                if $fault =~ /^cut.* 1$/ && $res && $res->{status} != 200;
            $total{faults}++;
            $total{hits} += $net->count('hits');
            $net->tell('close') if $fault =~ /^hang/;
            wait_for(sub { get($path)->{status} == 200 }, 'it is well again');
        }
    }, every => 10, last => 1);
    is(join("\n", @wrong), '', "$path: $n[0] messages there, $n[1] back");
    $total{messages} += $n[0] + $n[1];
}

my @workers = start('5s');
for my $path (@paths) {
    for my $when ('before', 'after', torture() ? 'middle' : ()) {
        sweep($path, "cut WAY $when 1", "cut WAY $when 3");
    }
}
$net->tell('reset');
is_deeply([workers()], \@workers, 'the worker lives');

# Here the deadline answers.
@workers = start('300ms');
sweep($_, 'hang WAY') for @paths;
$net->tell('reset');
is_deeply([workers()], \@workers, 'the worker lives');
cmp_ok($total{hits}, '>=', $total{faults} / 2, 'messages were met');
diag("read sweep: ", join ', ', map { "$total{$_} $_" } sort keys %total);
diag("answers: ", join ', ', map { "$answers{$_} x $_" } sort keys %answers);
done();
