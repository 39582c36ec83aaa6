# Deed.pm - something that a client wants done once, and what it does when the
# answer is late, lost or bad: as docs/api.md says.
#
#     use Shop::Test;
#     use Shop::Deed;
#
#     start_shop();
#     deeds_begin();
#     my $deed = new_deed('create', key => 1);
#     $deed->insist;                          # until it is done
#     is($deed->wrong, '', 'done once, and no answer was untrue');
#
# Every answer is held against the database when it comes: whoever is told that
# it is done finds it there, whoever is told that it is not does not.

package Shop::Deed;

use strict;
use warnings;

use Exporter 'import';
use Time::HiRes qw(sleep);

use Shop::Test;

our @EXPORT = qw(deeds_begin new_deed deed_kinds);

my $products = '/api/admin/v1/products';
my $categories = '/api/admin/v1/categories';
my ($made, $product, $category, @parents) = (0);

# What is asked, and how often it has been done by now: it is there, or the
# version has moved on.
my %kind = (
    create => {
        ask => sub { ('POST', $products, { title => $_[0]{name} }) },
        done => sub { sql_value('SELECT count(*) FROM product_i18n
                                  WHERE title = ?', $_[0]{name}) },
        says => sub { $_[1]{title} eq $_[0]{name} },
        event => 'product.created',
        status => 201,
    },
    change => {
        ask => sub { ('PATCH', "$products/$product->{id}",
                      { title => $_[0]{name} },
                      'if-match' => qq("v$_[0]{since}")) },
        done => sub { version_of($product)
                          - $_[0]{since} },
        says => sub { $_[1]{title} eq $_[0]{name}
                          && $_[1]{version} == $_[0]{since} + 1 },
        begin => sub { $_[0]{since} = version_of($product) },
        event => 'product.updated',
        status => 200,
    },
    move => {
        ask => sub { ('POST', "$categories/$category->{id}/move",
                      { parent_id => $_[0]{to} }) },
        done => sub { version_of($category)
                          - $_[0]{since} },
        says => sub { $_[1]{parent_id} eq $_[0]{to} },
        begin => sub {
            $_[0]{since} = version_of($category);
            $_[0]{to} = $parents[$made % 2]{id};
        },
        event => 'category.updated',
        status => 200,
    },
);


# What there is to change, and the key to do it with.
sub deeds_begin {
    my $key = as_key(map { ("$_.read", "$_.write") } qw(products categories));

    $product = make($products, title => 'Changed');
    $category = make($categories, name => 'Moved');
    @parents = map { make($categories, name => "Parent $_") } 1, 2;
    @{$product}{qw(table uuid)} = ('products', sql_value(
        "SELECT product_id FROM product_i18n WHERE title = 'Changed'"));
    @{$category}{qw(table uuid)} = ('categories', sql_value(
        "SELECT category_id FROM category_i18n WHERE name = 'Moved'"));
    return $key;
}


# A short deadline may be too short the first time.
sub make {
    my ($path, $member, $name) = @_;
    my $id = $name =~ tr/ /-/r;

    return wait_for(sub {
        my $res = post($path, { $member => $name }, 'idempotency-key' => $id);
        $res->{status} == 201 && $res->{json};
    }, $name);
}


sub deed_kinds {
    return sort keys %kind;
}


sub version_of {
    my ($thing) = @_;

    return sql_value("SELECT version FROM $thing->{table} WHERE id = ?",
                     $thing->{uuid});
}


# new_deed(kind, key => 0 or 1, name => ...): a thing to be done, by a client
# that sends an Idempotency-Key or does not.
sub new_deed {
    my ($kind, %options) = @_;
    my $self = bless { %options, kind => $kind, %{ $kind{$kind} },
                       answers => {}, wrong => [] }, __PACKAGE__;

    $made++;
    $self->{name} //= "deed $$ $made";
    $self->{begin}->($self) if $self->{begin};
    $self->{said} = $self->times_said;
    return $self;
}


sub name { return $_[0]{name} }


# How often it has been done.
sub times_done {
    my ($self) = @_;

    return $self->{done}->($self);
}


# How often the shop has said that such a thing was done.
sub times_said {
    my ($self) = @_;

    return sql_value('SELECT count(*) FROM (SELECT type FROM outbox UNION ALL
                      SELECT type FROM events) said WHERE type = ?',
                     $self->{event});
}


# One request; the answer, or undef when there was none.
sub ask {
    my ($self) = @_;
    my $res = eval { $self->ask_only };

    $self->judge($res);
    return $res;
}


# The same where nobody can look at the database meanwhile.
sub ask_only {
    my ($self) = @_;
    my ($method, $path, $body, %headers) = $self->{ask}->($self);

    $headers{'idempotency-key'} = $self->{name} =~ tr/ /-/r if $self->{key};
    return request($method, $path, body => $body, headers => \%headers);
}


# What the client may conclude.
sub means {
    my ($self, $res) = @_;
    my $code = $res->{json}{code} // '';

    return 'done' if $res->{status} == $self->{status};
    return 'unknown' if $code eq 'outcome_unknown'
        || ($code eq 'request_in_progress' && $self->{key});
    return 'undone' if $res->{status} == 504
        || ($res->{status} == 503 && $res->{headers}{'retry-after'});
    return 'nonsense';
}


# Is what the answer says so, as far as it can be known?
sub agrees {
    my ($self, $res) = @_;
    my $means = $self->means($res);

    return $means eq 'unknown'
        || $self->times_done == ($means eq 'done' ? 1 : 0);
}


# Who is told on repeating that nothing was done is told of this try: one
# before it may have done it, if its client could not tell.
sub judge {
    my ($self, $res) = @_;
    my $done = $self->times_done;

    if (!$res) {
        $self->{answers}{none}++;
        $self->{open} = 1;
        return $self->is_wrong('no answer came');
    }
    my $means = $self->means($res);
    my $what = "$res->{status}" . ($res->{json}{code}
                                   ? " $res->{json}{code}" : '');
    $self->{answers}{$what}++;
    $self->is_wrong("$what: $res->{body}") if $means eq 'nonsense';
    $self->is_wrong("$what, and it is there $done times")
        if $means eq 'done' && $done != 1
            || $means eq 'undone' && $done != 0 && !$self->{open};
    $self->{open} ||= $means ne 'undone';
    $self->is_wrong("$what, and says: $res->{body}")
        if $means eq 'done' && !eval { $self->{says}->($self, $res->{json}) };
}


# Again and again until it is done.  With a key there is nothing to think
# about; without one, who does not know looks first.
sub insist {
    my ($self) = @_;

    for my $try (1 .. 200) {
        my $res = $self->ask or last;
        my $means = $self->means($res);

        last if $means eq 'done' || $means eq 'nonsense';
        if ($means eq 'unknown' && !$self->{key}) {
            $self->settled;
            last if $self->times_done;
            $self->{open} = 0;
        }
        sleep $try < 20 ? 0.01 : 0.1;
    }
    $self->settled;
    my $done = $self->times_done;
    my $said = $self->times_said - $self->{said};
    $self->is_wrong("in the end it is there $done times") if $done != 1;
    $self->is_wrong("it is done $done times, and said $said times")
        if $said != $done;
    $self->check_key if $self->{key};
    return $self;
}


# No transaction is open that could yet do it.
sub settled {
    wait_for(sub { (sql_as('postgres', <<'END'))[0][0] == 0 }, 'it is settled');
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name LIKE 'shop-tx%'
   AND xact_start IS NOT NULL
END
}


# The key is stored with the answer that was given.
sub check_key {
    my ($self) = @_;
    my @rows = sql('SELECT status FROM idempotency_keys WHERE key = ?',
                   $self->{name} =~ tr/ /-/r);

    $self->is_wrong('its key is stored ' . @rows . ' times')
        if @rows != 1 || $rows[0][0] != $self->{status};
}


sub is_wrong {
    my ($self, $what) = @_;

    push @{ $self->{wrong} }, $what;
}


sub wrong   { return join '; ', @{ $_[0]{wrong} } }
sub answers { return %{ $_[0]{answers} } }

1;
