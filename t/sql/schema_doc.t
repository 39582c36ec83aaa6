#!/usr/bin/perl

# schema_doc.t - docs/schema.md says what the database says of itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(ready => 0);

open my $made, '-|', top_folder() . '/tools/schema-doc',
    database_url('shop_owner') or die "schema-doc: $!";
my $page = do { local $/; <$made> } // '';
ok(close($made), 'the page is made');

for my $table (map { $_->[0] } sql(q{
        SELECT relname FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'})) {
    my ($part) = $page =~ /^### \Q$table\E\n(.*?)(?=^##|\z)/ms;
    ok($part, "it describes $table") or next;
    my @columns = map { $_->[0] } sql(q{
        SELECT attname FROM pg_attribute
         WHERE attrelid = ?::text::regclass AND attnum > 0
           AND NOT attisdropped}, $table);
    is_deeply([ grep { $part !~ /^\| `\Q$_\E` \| .* \| [^|]+ \|$/m } @columns ],
              [], '  every column of it, with a comment');
}
unlike($page, qr/^(?!\|).{81}/m, 'no line but of a table is over 80 columns');

ok($page eq read_file(top_folder() . '/docs/schema.md'),
   'docs/schema.md is this page; if not, run make schema-doc');

done();
