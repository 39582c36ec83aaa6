#!/usr/bin/perl
#
# ranges.t - who asks for a thousand ranges at once, that overlap or are a byte
# each, gets an answer about as large as what there is, and takes no more of a
# worker than others: from a route whose answer is a file as well as from one
# whose answer is the shop's own, which has no ranges.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

# A part has a head of some hundred bytes.
use constant { SIZE => 1 << 20, RANGES => 1000, HEAD => 160, CLIENTS => 50,
               SPARE_KB => 8192 };

my $folder = "$ENV{SHOP_TEST_DIR}/ranges$$";
mkdir $folder or die "$folder: $!";
write_file("$folder/train.txt", 'x' x SIZE);
start_toys(server => "location /manuals/ { internal; alias $folder/; }");
my $toy = make_toy(name => 'train');
my ($worker) = workers();
my %path = (file => "/api/v1/toys/$toy/manual", answer => "/api/v1/toys/$toy");
my $whole = get($path{answer})->{body};

# What fits into a header.
my %ranges = (
    'all from anywhere' => [ map { "$_-" } 0 .. RANGES - 1 ],
    'all, again and again' => [ ('0-') x RANGES ],
    'the end, again and again' => [ ('-1') x RANGES ],
    'a byte each' => [ map { 2 * $_ . '-' . 2 * $_ } 0 .. 699 ],
    'backwards' => [ map { (1000 - $_) . '-' } 0 .. RANGES - 1 ],
);

sub header { return 'bytes=' . join ',', @{ $ranges{$_[0]} } }

for my $name (sort keys %ranges) {
    my $n = @{ $ranges{$name} };
    my $file = get($path{file}, range => header($name));

    like($file->{status}, qr/^(?:200|206|416)$/, "$name: a file is answered");
    cmp_ok(length $file->{body}, '<=', SIZE + $n * HEAD,
           "$name: with no more than there is");

    my $answer = get($path{answer}, range => header($name));
    is($answer->{body}, $whole, "$name: an answer of the shop's is whole");
}
is(get($path{file}, range => 'bytes=2-4')->{body}, 'xxx', 'one range');

# Many at once, twice: nginx keeps what was freed for the next ones.
sub all_at_once {
    my @names = sort keys %ranges;
    my @conns = map { new_connection() } 1 .. CLIENTS;
    my $wrong = 0;

    $conns[$_]->send('GET', $path{ $_ % 2 ? 'file' : 'answer' },
                     { range => header($names[$_ % @names]) })
        for 0 .. $#conns;
    get($path{answer})->{body} eq $whole or $wrong++ for 1 .. 100;
    $_->read_response('GET')->{status} =~ /^(?:200|206|416)$/ or $wrong++
        for @conns;
    $_->close for @conns;
    is($wrong, 0, 'they and others are served');
    return own_kb($worker);
}

my $before = own_kb($worker);
my @most = map { all_at_once() - $before } 1 .. 3;
cmp_ok($most[0], '<', SPARE_KB + CLIENTS * RANGES * HEAD * 4 / 1024,
       'memory is bounded by what was asked');
cmp_ok($most[2], '<', $most[0] + SPARE_KB, 'more take no more');
is((workers())[0], $worker, 'the worker is the same');
diag(CLIENTS . " clients take $most[0] kB");

done();
