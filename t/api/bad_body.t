#!/usr/bin/perl
#
# bad_body.t - bodies that are wrong: every fault at once with its place, a
# stable code, nothing written, and a cost that is bounded.

use strict;
use warnings;

use FindBin;
use IO::Compress::Gzip;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $products = '/api/admin/v1/products';
my $max = 256 * 1024;

start_shop(workers => 1);
as_key(qw(products.read products.write));

# --- what cannot be read: 400, with where ---

sub unreadable {
    my ($name, $bytes, $code) = @_;
    my $res = post($products, $bytes);
    my ($fault) = @{ $res->{json}{errors} // [] };

    is_problem($res, 400, 'bad_body');
    ok(defined $fault->{pointer} && $fault->{code} && $fault->{detail},
       "$name: says where and what") or diag $res->{body};
    is($fault->{code}, $code, "$name: $code") if defined $code;
    return $fault;
}

for (
    [ 'nothing', '' ], [ 'blanks', "  \n" ], [ 'a word', 'title' ],
    [ 'half an object', '{"title":"A"' ], [ 'no value', '{"title":}' ],
    [ 'a comma too many', '{"title":"A",}' ], [ 'no comma', '{"a":1 "b":2}' ],
    [ 'quotes', "{'title':'A'}" ], [ 'a comment', '{"title":"A"/* */}' ],
    [ 'two documents', '{"title":"A"}{}' ], [ 'NaN', '{"title":NaN}' ],
    [ 'a leading zero', '{"title":"A","x":01}' ], [ 'hex', '{"x":0x1}' ],
    [ 'a plus', '{"x":+1}' ], [ 'a half number', '{"x":1.}' ],
    [ 'a BOM', "\xef\xbb\xbf{\"title\":\"A\"}" ],
    [ 'a line break in a text', "{\"title\":\"A\nB\"}" ],
    [ 'an escape that is none', '{"title":"\\x41"}' ],
    [ 'half an escape', '{"title":"\\u00"}' ],
    [ 'not UTF-8', "{\"title\":\"\xff\"}" ],
    [ 'an overlong byte', "{\"title\":\"\xc0\x80\"}" ],
    [ 'a surrogate in bytes', "{\"title\":\"\xed\xa0\x80\"}" ],
    [ 'a lone surrogate', '{"title":"\\ud800"}' ],
    [ 'surrogates the wrong way', '{"title":"\\udc00\\ud800"}' ],
    [ 'NUL', '{"title":"A\\u0000B"}' ],
    [ 'a byte of NUL', "{\"title\":\"\0\"}" ],
    [ 'a key that is not UTF-8', "{\"\xff\":1}" ],
    [ 'a key with NUL', '{"a\\u0000":1}' ],
    [ 'a key twice', '{"title":"A","title":"B"}' ],
    [ 'a key twice, escaped', '{"title":"A","t\\u0069tle":"B"}' ],
    [ 'a key twice, deep', '{"title":"A","media":[{"url":"/a","url":"/b"}]}' ],
    [ 'ten thousand deep', '[' x 10_000 . ']' x 10_000 ],
    [ 'ten thousand objects deep', '{"a":' x 10_000 . '1' . '}' x 10_000 ],
    [ 'deep and no end', '{"title":' . '[' x 10_000 ],
) {
    unreadable(@$_);
}

# The place is that of the first byte which is wrong, for people to find.
my $fault = unreadable('a position', "{\n  \"title\": \"A\",\n  nonsense\n}");
like($fault->{detail}, qr/\b(?:line 3|2[0-9]|3[0-9])\b/, 'and its position')
    or diag $fault->{detail};

# --- what can be read and is wrong: 422, all at once ---

sub wrong {
    my ($what, @pointers) = @_;

    is_problem(post($products, $what), 422, 'wrong_body', @pointers);
}

wrong({}, '/title');
wrong({ title => undef }, '/title');
wrong({ title => $_ }, '/title') for 1, [], {}, JSON::PP::true;
wrong({ title => '' }, '/title');
wrong({ title => 'x' x 256 }, '/title');
wrong({ title => "\x{e7}" x 256 }, '/title');
wrong({ title => 'A', status => 'sold' }, '/status');
wrong({ title => 'A', colour => 'red' }, '/colour');
wrong({ title => 'A', id => 'prod_x' }, '/id');
wrong({ title => 'A', version => 1 }, '/version');
wrong({ title => 'A', slug => 'A B' }, '/slug');
wrong({ title => 'A', tags => 'x' }, '/tags');
wrong({ title => 'A', tags => [map { "t$_" } 1 .. 251] }, '/tags/250');
wrong({ title => 'A', tags => ['a', 1, 'b', undef] }, '/tags/1', '/tags/3');
wrong({ title => 'A', category_ids => ['prod_' . '0' x 26] },
      '/category_ids/0');
wrong({ title => 'A', media => [{ url => 'javascript:x' }] }, '/media/0/url');
wrong({ title => 'A', media => [{}] }, '/media/0/url');
wrong({ title => 'A', media => [{ url => '/a', width => 0 }] },
      '/media/0/width');
wrong({ title => 'A', media => [{ url => '/a', width => 1.5 }] },
      '/media/0/width');
wrong('{"title":"A","media":[{"url":"/a","width":99999999999999999999}]}',
      '/media/0/width');
wrong({ title => 'A', 'a/b~c' => 1 }, '/a~1b~0c');
wrong($_, '') for '[]', '"A"', '1', 'null', 'true';
wrong({ title => 7, status => 'sold', colour => 1, tags => [2], vendor => [],
        media => [{ url => '/a', alt => 'x' x 513, x => 1 }] },
      qw(/title /status /colour /tags/0 /vendor /media/0/alt /media/0/x));

# More faults than anybody reads are cut, not counted in memory.
my $res = post($products, { map { ("x$_" => 1) } 1 .. 5000 });
is($res->{status}, 422, 'five thousand members that are unknown');
cmp_ok(length $res->{body}, '<', 65536, 'a document of bounded size');

# --- media types ---

is_problem(post($products, '{"title":"A"}', 'Content-Type' => $_), 415,
           'unsupported_media_type')
    for 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonx',
        'multipart/form-data; boundary=x', '', 'application/merge-patch+json';
my $res_gzip = post($products, '{"title":"A"}', 'Content-Encoding' => 'gzip');
is_problem($res_gzip, 415, 'unsupported_media_type');
like($res_gzip->{json}{title}, qr/not compressed/, 'and is told why');
is(post($products, '{"title":"Charset"}',
        'Content-Type' => 'Application/JSON; charset=utf-8')->{status}, 201,
   'a charset is no other type');

# --- sizes, chunks, files ---

is_problem(post($products, '{"title":"' . 'x' x $max . '"}'), 413,
           'body_too_large');
my $most = '{"title":"Most"' . ' ' x ($max - 16) . '}';
is(post($products, $most)->{status}, 201, 'the most there may be');
is(request('POST', $products, headers => { 'Transfer-Encoding' => 'chunked' },
           body => join '', map { sprintf "%x\r\n%s\r\n", length, $_ }
               '{"ti', 'tle":"', 'Chunks"}', '')->{status}, 201, 'chunks');

# --- nothing of it was written ---

is_deeply([sort map { $_->{title} }
           @{ ok_json(get("$products?limit=100"), 200)->{data} }],
          [sort qw(Charset Chunks Most)], 'only what was right is there');
is(sql_value("SELECT count(*) FROM products"), 3, 'in the tables as well');

# --- the cost ---

# Of all threads: HTML is cleaned on others than the worker's first.
sub cpu {
    my ($worker) = workers();
    my $sum = 0;

    $sum += (split ' ', read_file($_))[0]
        for glob "/proc/$worker/task/*/schedstat";
    return $sum;
}

# Per request; the answers are looked at by their status alone.
sub batch {
    my ($times, $status, @request) = @_;
    my $before = cpu();

    for (1 .. $times) {
        my $res = request(@request);
        die "got $res->{body}, not $status\n" if $res->{status} != $status;
    }
    return (cpu() - $before) / $times;
}


# The least of so many batches of each, one after the other in turn: what else
# the machine has to do can only add to them.
sub least {
    my ($rounds, @batches) = @_;
    my @least;

    for (1 .. $rounds) {
        for my $i (0 .. $#batches) {
            my $cost = batch(@{ $batches[$i] });
            $least[$i] = $cost if !defined $least[$i] || $cost < $least[$i];
        }
    }
    return @least;
}

# As much HTML as a text may be, and what else is wrong.
sub as_json { return JSON::PP->new->utf8->encode(@_) }

my $long_html = '<p class="x">a <b>word</b></p>' x 150;
sub in_two {
    my ($language, $besides) = @_;
    my $text = '<p class="x">a <b>word</b></p>' x 900;

    return [ 422, as_json({ title => 'A', description => $text,
        translations => { $language => { title => 'B',
                                         description => $text } },
        %$besides }) ];
}

# Of what was known and what came, of each the less.
sub pairs_least {
    my ($known, @more) = @_;

    return map { !defined $known->[$_] || $more[$_] < $known->[$_]
                 ? $more[$_] : $known->[$_] } 0 .. $#more;
}

# With HTML that is refused.
sub html {
    my ($text) = @_;

    return [422, qq({"title":"A","description":"$text"})];
}

my $folding = IO::Compress::Gzip->new(\my $gzip) or die 'gzip';
$folding->print(' ' x (1024 * 1024)) for 1 .. 200;
$folding->close;
my $keys = '{' . join(',', map { "\"$_\":1" } 1 .. 25_000) . '}';
my %costly = (
    'a body of blanks'      => [ 400, ' ' x $max ],
    'blanks in between'     => [ 422, '{"title":1,' . ' ' x 250_000
                                      . '"tags":1}' ],
    'rows of blanks'        => [ 422, '{"title":1,"tags":['
                                      . join(' ' x 127, ('1,') x 1900)
                                      . '1]}' ],
    'many long texts'       => [ 422, '{"title":1,"tags":["'
                                      . join('","', ('x' x 128) x 1900)
                                      . '"]}' ],
    'many keys'             => [ 400, $keys ],
    'many keys alike'       => [ 400, '{' . join(',', ('"title":1') x 20_000)
                                      . '}' ],
    'deep arrays'           => [ 400, '[' x $max ],
    'deep objects'          => [ 400, '{"a":' x 50_000 ],
    'a long text'           => [ 422, '{"title":"' . 'x' x 250_000 . '"}' ],
    'too many escapes'      => [ 400, '{"title":"' . '\\u0001' x 40_000
                                      . '"}' ],
    'escaped controls'      => [ 422, '{"title":"' . '\\u0001' x 10_000
                                      . '"}' ],
    'escapes'               => [ 422, '{"title":"' . '\\u0022' x 40_000
                                      . '"}' ],
    'too many short ones'   => [ 400, '{"title":"' . '\\n' x 120_000
                                      . '"}' ],
    'short ones'            => [ 422, '{"title":"' . '\\n' x 20_000 . '"}' ],
    'short ones apart'      => [ 422, '{"title":"' . '\\n.' x 20_000 . '"}' ],
    'short ones far apart'  => [ 422, '{"title":"' . '\\n.........' x 12_000
                                      . '"}' ],
    'escaped letters'       => [ 422, '{"title":"' . '\\u015f' x 40_000
                                      . '"}' ],
    'and letters between'   => [ 422, '{"title":"' . "\xc5\x9f\\u015f"
                                                     x 32_000 . '"}' ],
    'short, letters between' => [ 422, '{"title":"' . "\xc5\x9f\\n" x 20_000
                                      . '"}' ],
    'escaped pairs'         => [ 422, '{"title":"' . '\\ud83e\\udeb4' x 20_000
                                      . '"}' ],
    'letters, and no end'   => [ 400, '{"title":"' . '\\u015f' x 40_000
                                      . '",}' ],
    'a long number'         => [ 422, '{"title":' . '9' x 250_000 . '}' ],
    'many items'            => [ 400, '{"title":"A","tags":['
                                      . join(',', ('"a"') x 60_000) . ']}' ],
    'many wrong items'      => [ 400, '{"title":"A","tags":['
                                      . join(',', (1) x 120_000) . ']}' ],
    'many objects'          => [ 400, '{"title":"A","media":['
                                      . join(',', ('{}') x 80_000) . ']}' ],
    'no JSON'               => [ 400, 'x' x $max ],
    'five thousand faults'  => [ 422, '{' . join(',', map { "\"$_\":1" }
                                                 1 .. 5000) . '}' ],
    'small, and wrong'      => [ 422, '{"title":1}' ],
    'HTML that nests'       => html('<b>' x 20_000),
    'HTML of 2000 that nest' => html('<div>' x 2000),
    'HTML of many tags'     => html('<br>' x 2001),
    'HTML of many ends'     => html('</p>' x 2001),
    'HTML of attributes'    => html('<b ' . join(' ', 'aaa' .. 'xxx') . '>'),
    'HTML of no language'   => [ 422, as_json({ title => 'A',
        translations => { map { ("x$_" => { title => 'A',
                                            description => $long_html }) }
                          'aa' .. 'bx' } }) ],
    'HTML of its own one'   => in_two('en', {}),
    'HTML, and a tag twice' => in_two('tr', { tags => ['a', 'a'] }),
    'HTML, pictures twice'  => in_two('tr', { media => [({ url => '/a' })
                                                        x 2] }),
    'a body that unfolds'   => [ 415, $gzip, 'Content-Encoding' => 'gzip' ],
    'ten thousand parts'    => [ 415, "--x\r\n\r\n1\r\n" x 10_000 . '--x--',
                                 'Content-Type' =>
                                     'multipart/form-data; boundary=x' ],
);
cmp_ok(length $gzip, '<', 210_000, 'a thousandth of what it unfolds to');
my $kb = own_kb((workers())[0]);

# What is received and refused unread costs what nginx makes of it.
for my $name (sort keys %costly) {
    my ($status, $body, %headers) = @{ $costly{$name} };
    my @post = ('POST', $products, body => $body);
    my ($ordinary, $receive, $cost, $ratio, @known);

    # The least of a shared machine is known only after a while.
    for (1 .. 5) {
        @known = pairs_least(\@known, least(7,
            [ 50, 200, 'GET', '/api/v1/store' ],
            [ 6, 415, @post, headers => { 'Content-Type' => 'text/plain' } ],
            [ 6, $status, @post, headers => \%headers ]));
        ($ordinary, $receive, $cost) = @known;
        $ratio = $cost / $ordinary;
        last if $ratio < 20;
    }
    cmp_ok($ratio, '<', 20, sprintf '%s: %d bytes cost %.1f ordinary GETs '
        . 'of %.0f us beside %.1f to receive them', $name, length $body,
        $ratio, $ordinary / 1000, $receive / $ordinary);
}
my $grown = own_kb((workers())[0]) - $kb;
cmp_ok($grown, '<', 2048, "the worker has grown by $grown kB");

# What is refused when it has been parsed costs no more than what is taken.
my ($taken, $multiplied) = least(5,
    [ 3, 422, 'POST', $products, body => { title => 'A',
        category_ids => ['cat_00000000010000000000000001'],
        description => '<p class="x y" id=a>word</p>' x 2000 } ],
    [ 3, 422, 'POST', $products, body => { title => 'A', description =>
        '<p>' . join('', map { "<i a$_>" } 1 .. 90) . '</p><p>x' x 1900 } ]);
cmp_ok($multiplied / $taken, '<', 1, sprintf 'HTML that multiplies: %.1f ms, '
    . 'as much as may be: %.1f ms', $multiplied / 1e6, $taken / 1e6);
note('parsing took ' . (own_kb((workers())[0]) - $kb - $grown) . ' kB more');

# A page is not as long as somebody likes it to be.
my $page = '/api/v1/products?limit=';
is_problem(get($page . 1_000_000_000), 422, 'wrong_query', 'limit');
my ($short, $long_page) = least(7, [ 50, 200, 'GET', '/api/v1/store' ],
                                [ 50, 422, 'GET', $page . 1_000_000_000 ]);
cmp_ok($long_page / $short, '<', 20, 'and to ask for it costs little');

# A million keys need another limit to come in at all.
start_shop(workers => 1, http => "client_max_body_size 16m;\n"
    . "    client_body_buffer_size 16k;");
as_key(qw(products.read products.write));
my $million = '{' . join(',', map { "\"$_\":1" } 1 .. 1_000_000) . '}';
$res = post($products, $million);
is_problem($res, 400, 'bad_body');
is($res->{json}{errors}[0]{code}, 'too_many_members', 'a million keys');
$kb = own_kb((workers())[0]);
my ($unread, $read) = least(3,
    [ 1, 415, 'POST', $products, body => $million,
      headers => { 'Content-Type' => 'text/plain' } ],
    [ 1, 400, 'POST', $products, body => $million ]);
cmp_ok($read, '<', 2 * $unread, sprintf 'reading %d bytes cost %.1f ms, '
    . 'receiving them %.1f ms', length $million, ($read - $unread) / 1e6,
    $unread / 1e6);
note('the worker has grown by ' . (own_kb((workers())[0]) - $kb) . ' kB');
is(get('/api/v1/store')->{status}, 200, 'and the worker goes on');

# Through a file: the same bytes, and not a byte more or less.
my $long = '<p>' . join(' ', map { "word$_" } 1 .. 6000) . '</p>';
my $made = ok_json(post($products, { title => 'File', description => $long }),
                   201);
is($made->{description}, $long, 'a body that went through a file is whole');

done();
