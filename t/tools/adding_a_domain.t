# docs/adding-a-domain.md: the domain that it adds works, and needs no file to
# be touched but those that it names.  What is done here is taken from the page.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find ();
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;

use Shop::Copy;

my $top = abs_path("$FindBin::Bin/../..");
my $b = build_folder();
my $copy = tempdir('shop-domain-XXXXXX', TMPDIR => 1, CLEANUP => 1) . '/tree';

# All that a domain may touch.
my $allowed = qr{^(?:
    libshop/wishlist/[^/]+
  | libshop/domains\.def
  | sql/(?:deploy|revert|verify)/wishlist\.sql
  | sql/sqitch\.plan
  | t/(?:unit|api)/wishlist(?:/[^/]+|\.t)
)$}x;

# A path by itself on a line, and the block behind it.
my @steps = slurp("$top/docs/adding-a-domain.md")
    =~ /^`([^`\n]+)`(, one line more)?\n\n```\w*\n(.*?)^```$/msg;
is(scalar @steps / 3, 11, 'the page has eleven steps');

copy_tree($copy);
while (my ($path, $line, $text) = splice @steps, 0, 3) {
    like($path, $allowed, "$path is the domain's");
    if ($line) {
        is($text =~ tr/\n//, 1, '  a line');
        append("$copy/$path", $text);
    } else {
        ok(!-e "$copy/$path", '  a file');
        make_path(dirname("$copy/$path"));
        append("$copy/$path", $text);
    }
}

ok(eval { build($copy, 'all') }, 'it builds') or diag $@;
ok(eval { run_in($copy, "tools/$_") }, "$_ passes") or diag $@
    for qw(checkstyle checkdeps);

# Without the unit tests of all others there is nothing to link with.
SKIP: {
    skip 'the unit tests are not built', 1 if !-e "$copy/$b/unit";
    ok(eval { build($copy, "$b/unit");
              run_in($copy, "$b/unit", 'wishlist_wishlist') },
       'its unit test passes') or diag $@;
}

# In surroundings of its own: another PostgreSQL, with the migration, which is
# then verified and taken back.
{
    delete local @ENV{grep { /^(?:SHOP|HARNESS|PERL5LIB)/ } keys %ENV};
    local $ENV{SHOP_BUILD} = $b;
    ok(eval { run_in($copy, 't/run', '--', 'sh', '-c', <<'END') },
set -e
prove t/api/wishlist.t
cd sql
export PGHOST=$SHOP_TEST_DIR SQITCH_FULLNAME=shop SQITCH_EMAIL=shop@localhost
db=db:pg://shop_owner@/shop_template
sqitch --quiet verify --from wishlist "$db"
sqitch --quiet revert -y --to @HEAD^ "$db"
END
       'its test passes, and its migration goes both ways') or diag $@;
}

is_deeply([ grep { $_ !~ $allowed } changes() ], [],
          'no other file was touched');
my %touched = map { $_ => 1 } changes();
ok($touched{'libshop/domains.def'}, 'and what was touched was noticed');

done_testing();


# What is not as it was: changed, gone or new.
sub changes {
    my %was = map { $_ => 1 } tree_files($top);
    my @now;

    File::Find::find({ no_chdir => 1, wanted => sub {
        return $File::Find::prune = 1 if $_ eq "$copy/$b";
        push @now, substr $_, length "$copy/" if -f;
    } }, $copy);

    my %now = map { $_ => 1 } @now;
    return sort grep {
        !$was{$_} || !$now{$_} || slurp("$top/$_") ne slurp("$copy/$_")
    } keys %{ { %was, %now } };
}


sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or die "$path: $!";
    local $/;
    return <$in> // '';
}
