#!/usr/bin/perl

# docs.t - what the documents tell people to type works, and the tables of the
# guide name all that the code can answer.
#
# A line "<!-- runs: 200 404 -->" stands before a block of sh that is run, with
# the statuses that its requests get, in order.  The blocks of a page are one
# script: what one sets the next can use.

use strict;
use warnings;

use File::Find ();
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $top = top_folder();
my $shop = start_shop(workers => 2);
my $dir = tempdir('shop-docs-XXXXXX', TMPDIR => 1, CLEANUP => 1);

load_demo();
put_curl_first();
run_page($_) for qw(docs/api.md README.md);
codes_are_told();
links_lead_somewhere();
targets_are_told();

done();


sub page {
    my ($path) = @_;

    my $text = read_file("$top/$path");
    utf8::decode($text);
    return $text;
}


sub load_demo {
    shopctl(qw(import shopify --quiet --currency TRY),
            "$top/sql/seed/demo.csv");
    system("$ENV{SHOP_TEST_PG_BIN}/psql", '-Xq', '-v', 'ON_ERROR_STOP=1',
           '-d', database_url('shop_owner'), '-o', '/dev/null',
           '-f', "$top/sql/seed/demo.sql") == 0 or die "demo.sql failed\n";
    polled();
}


# A curl that says on a third channel which status it got; and the shop's own
# program under its plain name.
sub put_curl_first {
    my ($curl) = grep { -x } map { "$_/curl" } split /:/, $ENV{PATH};

    mkdir "$dir/bin" or die "$dir/bin: $!";
    write_file("$dir/bin/curl", <<"END");
#!/bin/sh
exec $curl --max-time 60 -w '%{stderr}status %{http_code}\\n' "\$@" 2>&3
END
    chmod 0755, "$dir/bin/curl";
    symlink "$ENV{SHOP_BUILD}/shopctl", "$dir/bin/shopctl"
        or die "shopctl: $!";
}


sub run_page {
    my ($path) = @_;
    my $text = page($path);
    my @blocks;

    push @blocks, { want => $1, code => $2 }
        while $text =~ /^<!-- runs:([\d ]*)-->\n```sh\n(.*?)^```$/msg;
    ok(scalar @blocks, "$path has examples");

    my $script = join '', map {
        "echo 'block $_' >&3\n$blocks[$_]{code}"
    } 0 .. $#blocks;
    $script =~ s{http://127\.0\.0\.1:8080}{http://127.0.0.1:$shop->{port}}g;
    $script = "SHOP=http://127.0.0.1:$shop->{port}\n$script";

    my @got = split /^block \d+\n/m, ran($script);
    shift @got;
    for my $i (0 .. $#blocks) {
        my $statuses = join ' ', ($got[$i] // '') =~ /^status (\d+)$/mg;
        my ($first) = $blocks[$i]{code} =~ /^(.{0,50})/;
        is($statuses, $blocks[$i]{want} =~ s/^ | $//gr, "$path: $first");
    }
}


# Every command must succeed; what the requests got is returned.
sub ran {
    my ($script) = @_;

    write_file("$dir/script", $script);
    local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
    local $ENV{SHOP_DATABASE} = database_url();
    my $status = system("cd $dir && sh -eu script 3>told >said 2>&1");
    is($status, 0, 'every command succeeds') or diag(read_file("$dir/said"));
    return read_file("$dir/told");
}


# Problems are constants: status, code, title.  Faults are named where they
# are noted.
sub codes_are_told {
    my $guide = page('docs/api.md');
    my %code;

    File::Find::find({ no_chdir => 1, wanted => sub {
        return if !/\.c$/;
        my $text = read_file($_);
        $code{$2}{$1} = 1 while $text =~ /\{\s*([45]\d\d), "([a-z_]+)",/g;
        $code{$1}{''} = 1
            while $text =~ /\b(?:refuse|fault(?:_add)?)\((?:[^;"]|"[^"]*",)*?
                            "([a-z_]+)",\s*"(?=[A-Z]|must|is\b|has\b|cannot)/gx;
    } }, "$top/libshop");

    cmp_ok(scalar keys %code, '>', 60, 'the code has problems and faults');
    for my $code (sort keys %code) {
        my @missing = grep {
            $guide !~ /^\| \Q$_\E \| .*`\Q$code\E`.* \|$/m
                && !($_ eq '' && $guide =~ /^\|.*`\Q$code\E`.*\|/m)
        } keys %{ $code{$code} };
        is("@missing", '', "docs/api.md tells of $code");
    }
}


# Of every page to a page, a folder or a file of the tree.
sub links_lead_somewhere {
    for my $path ('README.md', map { s{^\Q$top/}{}r }
                  glob("$top/docs/*.md $top/docs/decisions/*.md")) {
        my ($folder) = $path =~ m{^(.*/)?};
        my @broken = grep { !-e "$top/" . ($folder // '') . $_ }
            grep { !m{^[a-z]+:} } page($path) =~ /\]\(([^)#]+)[^)]*\)/g;
        is("@broken", '', "the links of $path lead somewhere");
    }
}


# make help lists what can be made.
sub targets_are_told {
    my $makefile = read_file("$top/Makefile");
    my ($phony) = $makefile =~ /^\.PHONY: ((?:.*\\\n)*.*)/m;
    my %target = map { $_ => 1 } grep { /^[a-z-]+$/ } split ' ', $phony;
    delete @target{qw(all help)};

    my @missing = grep { $makefile !~ /^\t\@echo 'make \Q$_\E\b/m }
        sort keys %target;
    is("@missing", '', 'make help lists every target');
}
