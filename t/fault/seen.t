#!/usr/bin/perl
#
# seen.t - a read by API key notes that the key was used, in a transaction of
# its own once the answer is ready: whatever becomes of that transaction, the
# answer is sent.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;

my $net = bad_network();
my (%total, @wrong);

$net->tell('match ^shop-tx');
start_shop(workers => 1, database_host => $net->folder,
           http => 'shop_deadline 500ms;');
my ($worker) = workers();

# Each key is noted once a minute, so each visit has a new one.
sub visit {
    as_key('products.read');
    return get('/api/admin/v1/products');
}

sub noted {
    return sql_value('SELECT count(*) FROM api_keys
                       WHERE last_used_at IS NOT NULL');
}

sub well {
    my $noted = noted();

    wait_for(sub { visit()->{status} == 200 && noted() > $noted },
             'a visit is noted');
}

well();
my @n = each_message($net, \&visit, sub {
    my ($way, $k) = @_;

    for my $fault ('hang', 'cut') {
        $net->tell('reset');
        $net->tell("$fault $way $k" . ($fault eq 'cut' ? ' before' : ''));
        my $res = eval { visit() };
        push @wrong, "$way $k $fault: "
            . ($res ? "$res->{status} $res->{body}" : $@)
            if !$res || $res->{status} != 200;
        $total{$fault} += $net->count('hits');
        $net->tell('close');
        $net->tell('reset');
        well();
    }
}, every => 10, last => 0);

is(join("\n", @wrong), '', 'the answer is sent');
cmp_ok($total{$_}, '>', 0, "$_: it came to pass") for 'hang', 'cut';
is_deeply([workers()], [$worker], 'the worker lives');
diag("$n[0] messages there, $n[1] back, $total{hang} hung, $total{cut} cut");
done();
