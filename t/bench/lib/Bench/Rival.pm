# Rival.pm - the statements that a route runs, as a script for pgbench.
#
# They are not copied by hand: a route is asked for once while PostgreSQL logs
# what it executes, so the rival runs what the shop runs today.  The id that
# the request named becomes a random one; other parameters stay as they were,
# and are parameters of pgbench's prepared statements too, save NULL and the
# empty text, which pgbench cannot send: they stand in the text.

package Bench::Rival;

use strict;
use warnings;

use DBI;
use Time::HiRes qw(sleep time);

use constant LIMIT => 20;

my $log = "$ENV{SHOP_TEST_DIR}/postgresql.log";


# new(server =>, path => sub { path for a number }, from =>, to => numbers,
#     conninfo => of the application, dbh => of the administrator)
#
# An id with a random number at its end is asked for; whatever id the
# statements then have that ends with it gets the random number too.
sub new {
    my ($class, %options) = @_;
    my $self = bless { %options }, $class;

    $self->{number} = $self->{from} + int(($self->{to} - $self->{from}) / 2);
    $self->{request} = $self->{path}->($self->{number});
    $self->{statements} = $self->statements;
    return $self;
}


# What every one of three requests ran, in order: settings that are read once
# a second and the poller are not a part of the route.  The request before
# them is dropped: a session heeds a new setting between two statements.
sub statements {
    my ($self) = @_;
    my $dbh = $self->{dbh};

    $dbh->do(q(ALTER SYSTEM SET log_statement = 'all'));
    $dbh->do('SELECT pg_reload_conf()');
    my (undef, @runs) = eval { map { [ $self->logged ] } 0 .. 3 };
    my $error = $@;
    $dbh->do('ALTER SYSTEM RESET log_statement');
    $dbh->do('SELECT pg_reload_conf()');
    die $error if $error;

    my ($first, @others) = @runs;
    for my $other (@others) {
        my %there = map { $_->{text} => 1 } @$other;
        $first = [ grep { $there{ $_->{text} } } @$first ];
    }
    die "$self->{request} ran no statement\n" unless @$first;
    return $first;
}


# One request, until the log tells of it.
sub logged {
    my ($self) = @_;
    my $until = time + LIMIT;

    while (time < $until) {
        my $from = -s $log;
        my $res = $self->{server}->get($self->{request});
        die "$self->{request}: $res->{status} $res->{body}\n"
            if $res->{status} != 200;
        sleep 0.05;
        my @found = parse(tail($from));
        return @found if grep { $_->{text} !~ /shop_xmin|cache_change/i }
            @found;
    }
    die "the log of PostgreSQL does not tell what $self->{request} runs\n";
}


sub tail {
    my ($from) = @_;

    open my $in, '<:encoding(UTF-8)', $log or die "$log: $!\n";
    seek $in, $from, 0;
    local $/;
    return <$in> // '';
}


# Entries begin at the margin; what goes on is set in by a tab.
sub parse {
    my ($text) = @_;
    my @found;

    for my $entry (split /\n(?=\S)/, $text) {
        $entry =~ s/\n\t/\n/g;
        if ($entry =~ /\] \S* ?LOG:  execute [^:\n]*: (.*)\z/s) {
            push @found, { text => trim($1), values => [] };
        } elsif ($entry =~ /\] \S* ?DETAIL:  parameters: (.*)\z/s && @found) {
            $found[-1]{values} = values_of($1);
        }
    }
    return grep { $_->{text} =~ /^[\s(]*(?:SELECT|WITH)\b/i } @found;
}


sub trim {
    my ($text) = @_;

    $text =~ s/\A\s+|\s+\z//g;
    return $text;
}


sub values_of {
    my ($text) = @_;
    my @values;

    while ($text =~ /\G(?:, )?\$(\d+) = (?:(NULL)|'((?:[^']|'')*)')/gc) {
        my ($n, $null, $value) = ($1, $2, $3);
        $value =~ s/''/'/g if !$null;
        $values[$n - 1] = $null ? undef : $value;
    }
    return \@values;
}


# --- the script ------------------------------------------------------------

# Writes FILE; returns the variables that pgbench needs.  More than one copy
# goes through a pipeline.
sub script {
    my ($self, $file, $copies) = @_;
    my (%variables, $script);

    for my $copy (1 .. $copies // 1) {
        $script .= "\\set n random($self->{from}, $self->{to})\n";
        $script .= "\\startpipeline\n" if $copy == 1 && ($copies // 1) > 1;
        $script .= $self->sql($_, \%variables) . ";\n"
            for @{ $self->{statements} };
    }
    $script .= "\\endpipeline\n" if ($copies // 1) > 1;

    open my $out, '>:encoding(UTF-8)', $file or die "$file: $!\n";
    print $out $script;
    close $out or die "$file: $!\n";
    return \%variables;
}


sub sql {
    my ($self, $statement, $variables) = @_;
    my $own = qr/\A(.{29})$self->{number}\z/;
    my $text = $statement->{text};

    $text =~ s{\$(\d+)}{
        my $value = $statement->{values}[$1 - 1];
        !defined $value  ? 'NULL'
        : $value eq ''   ? q('')
        : $value =~ $own ? "('$1' || :n)::uuid"
        : variable($value, $variables);
    }ge;
    return $text;
}


sub variable {
    my ($value, $variables) = @_;

    my ($name) = grep { $variables->{$_} eq $value } keys %$variables;
    $name //= 'v' . keys %$variables;
    $variables->{$name} = $value;
    return ":$name";
}


# --- is it the same? -------------------------------------------------------

# Every plain text that the statements give must stand in the shop's answer;
# returns how many did.
sub compare {
    my ($self) = @_;
    my $body = $self->{server}->get($self->{request})->{body};
    my $dbh = DBI->connect("dbi:Pg:$self->{conninfo}", '', '',
                           { RaiseError => 1, PrintError => 0 });
    my $seen = 0;

    $dbh->do('SET DateStyle = ISO');
    for my $statement (@{ $self->{statements} }) {
        my $sth = $dbh->prepare($statement->{text});
        $sth->execute(@{ $statement->{values} });
        my @rows = @{ $sth->fetchall_arrayref({}) };

        # The row that only tells that there is a next page is not shown.
        pop @rows if @rows && exists $rows[0]{page_key}
            && $body =~ /"has_more":true/;
        for my $row (@rows) {
            $seen += in_body($body, $_, $row->{$_}) for keys %$row;
        }
    }
    $dbh->disconnect;
    die "$self->{request}: nothing to compare\n" if $seen < 1;
    return $seen;
}


# Ids, times and arrays are written otherwise in JSON, so they tell nothing,
# and neither do columns that the answer has no member for.
sub in_body {
    my ($body, $column, $value) = @_;

    return 0 if !defined $value || ref $value
        || index($body, "\"$column\":") < 0
        || $value !~ m{\A[A-Za-z][A-Za-z0-9 ./_-]{2,}\z};
    die "$column \"$value\" is not in the shop's answer\n"
        if index($body, $value) < 0;
    return 1;
}

1;
