#!/usr/bin/perl
#
# contract.t - what clients of the API rely on is what was recorded, so that no
# change breaks them unawares; and tools/contract tells what breaks from what
# does not.  After "make contract" what was added is recorded.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $top = Shop::Test::top_folder();
my $tool = "$top/tools/contract";
my $recorded = "$top/docs/contract.txt";
my $dir = "$ENV{SHOP_TEST_DIR}/contract$$";

mkdir $dir or die "$dir: $!";
start_shop();
write_file("$dir/openapi.json", get('/api/openapi.json')->{body});
my $now = qx($tool < $dir/openapi.json);
is($?, 0, 'the document is read');

# --- what was recorded -------------------------------------------------------

if ($ENV{CONTRACT}) {
    write_file($recorded, $now);
    diag("$recorded is written");
}
write_file("$dir/now", $now);
is(scalar qx($tool --breaks $recorded $dir/now), '',
   'no client is broken; if that is meant, it needs a new version');
ok($now eq read_file($recorded), 'what was added is recorded: make contract');
cmp_ok(scalar(() = $now =~ /\n/g), '>', 1000, 'a thousand lines and more');

# --- what breaks -------------------------------------------------------------

my $base = <<'LINES';
GET /a
GET /a 200: application/json Thing
GET /a ?limit: max 100
GET /a ?limit: query, integer
POST /a
POST /a: needs things.write
POST /a takes application/json: ThingInput
Thing.id: string
Thing.kind: one of big
Thing.kind: string
ThingInput.kind: one of big
ThingInput.kind: one of small
ThingInput.kind: string
ThingInput.name: max 50
ThingInput.name: min 1
ThingInput.name: required
ThingInput.name: string
LINES

sub after {
    my ($from, $to) = @_;
    my $text = $base;

    $text =~ s/\Q$from\E/$to/ or die "no $from\n";
    write_file("$dir/old", $base);
    write_file("$dir/new", join '', map { "$_\n" } sort split /\n/, $text);
    my $said = qx($tool --breaks $dir/old $dir/new);
    return ($said, $? >> 8);
}

sub breaks {
    my ($what, $from, $to, $says) = @_;
    my ($said, $rc) = after($from, $to);

    is("$rc $said", "1 $says\n", "breaks: $what");
}

sub does_not {
    my ($what, $from, $to) = @_;

    is(join(' ', after($from, $to)), ' 0', "does not: $what");
}

my $name = 'ThingInput.name';
breaks('an address goes', "GET /a\n", '', 'GET /a: is gone');
breaks('a parameter goes', "GET /a ?limit: query, integer\n", '',
       'GET /a ?limit: query, integer: is gone');
breaks('less is taken of one', 'max 100', 'max 50',
       'GET /a ?limit: max 100: is 50 now');
breaks('one is required', "POST /a\n", "POST /a\nGET /a ?limit: required\n",
       'GET /a ?limit: required: is needed now');
breaks('an answer has another shape', 'json Thing', 'json Other',
       'GET /a 200: application/json Thing: is gone');
breaks('a member of an answer goes', "Thing.id: string\n", '',
       'Thing.id: string: is gone');
breaks('one has another type', 'Thing.id: string', 'Thing.id: integer',
       'Thing.id: string: is gone');
breaks('another scope', 'things.write', 'all.write',
       'POST /a: needs all.write: is needed now');
breaks('a word is not taken', "ThingInput.kind: one of small\n", '',
       'ThingInput.kind: one of small: is not taken any more');
breaks('a member is required', "$name: string", "$name: string\n"
       . 'ThingInput.kind: required',
       'ThingInput.kind: required: is needed now');
breaks('a new one is required', "$name: string", "$name: string\n"
       . "ThingInput.new: string\nThingInput.new: required",
       'ThingInput.new: required: is needed now');
breaks('a text may be less long', "$name: max 50", "$name: max 49",
       "$name: max 50: is 49 now");
breaks('it must be longer', "$name: min 1", "$name: min 2",
       "$name: min 2: was 1");
breaks('a bound where there was none', 'ThingInput.kind: string',
       "ThingInput.kind: string\nThingInput.kind: max 9",
       'ThingInput.kind: max 9: is a bound now');
breaks('a pattern', "$name: string", "$name: string\n$name: pattern ^a",
       "$name: pattern ^a: is asked for now");

does_not('an address more', "GET /a\n", "GET /a\nGET /b\nGET /b: needs x\n"
         . "GET /b ?x: required\nGET /b ?x: query, string\n");
does_not('a shape more', "Thing.id", "NewInput.a: required\n"
         . "NewInput.a: string\nThing.id");
does_not('a member of an answer more', 'Thing.id', "Thing.new: string\n"
         . 'Thing.id');
does_not('a member that may be sent', 'Thing.id', "ThingInput.new: string\n"
         . "ThingInput.new: max 5\nThing.id");
does_not('a word more', "$name: string", "$name: string\n"
         . "ThingInput.kind: one of huge\nThing.kind: one of huge");
does_not('a text may be longer', "$name: max 50", "$name: max 60");
does_not('no bound any more', "$name: max 50\n", '');
does_not('nothing is required any more', "$name: required\n", '');
does_not('no scope is needed any more', "POST /a: needs things.write\n", '');

done();
