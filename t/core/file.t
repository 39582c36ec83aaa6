#!/usr/bin/perl
#
# file.t - an answer that is a file: the handler decides who gets it, and nginx
# serves it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

my $folder = "$ENV{SHOP_TEST_DIR}/manuals$$";
mkdir $folder or die "$folder: $!";
chmod 0755, $folder;
write_file("$folder/train.txt", my $text = join '', 'a' .. 'zz');

start_toys(workers => 1, locations => <<"END");
        location /manuals/ { internal; alias $folder/; }
END
my $toy = make_toy(name => 'train');
my $path = "/api/v1/toys/$toy/manual";

my $res = get($path);
is($res->{status}, 200, 'served');
is($res->{body}, $text, 'whole');
is($res->{headers}{'content-type'}, 'text/plain', 'with its type');
is($res->{headers}{'content-length'}, length $text, 'and length');
is($res->{headers}{'cache-control'}, 'no-cache', 'the header is ours');
ok($res->{headers}{'x-request-id'}, 'and the id');

my $etag = $res->{headers}{etag};
ok($etag, 'an ETag of nginx');
is(get($path, 'If-None-Match' => $etag)->{status}, 304, 'which it knows');
$res = get($path, Range => 'bytes=2-4');
is($res->{status}, 206, 'a range');
is($res->{body}, substr($text, 2, 3), 'is that part');

is_problem(get('/manuals/train.txt'), 404, 'not_found');
my $nobody = toy_name('00000000-0000-7000-8000-000000000000');
is_problem(get("/api/v1/toys/$nobody/manual"), 404, 'not_found');
$res = get("/api/v1/toys/@{[ make_toy(name => 'lost') ]}/manual");
is_problem($res, 404, 'not_found');
is($res->{headers}{'x-request-id'}, $res->{json}{request_id}, 'one id');
allow_log(qr/manuals.*No such file/);

# Who keeps answers keeps bytes: such a route is a mistake.
is_problem(get("$path/kept"), 500, 'internal');
allow_log(qr/cannot answer with a file/);

done();
