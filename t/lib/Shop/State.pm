# State.pm - what a database says, as a whole: to see whether a request changed
# it as it should, or not at all, and to have it back as it was.
#
#     use Shop::State;
#
#     state_begin();
#     state_save();
#     my $before = state_now();
#     post(...);
#     is_deeply(state_change($before, state_now()), { products => '+1 +1' });
#     state_back();
#
# What requests do beside their business (the stamps of keys, the news for
# caches) is no part of it.  Going back says nothing to any cache.

package Shop::State;

use strict;
use warnings;

use Exporter 'import';

use Shop::Test ();

our @EXPORT = qw(state_begin state_save state_now state_change state_back);


# The functions, in a schema that the application does not know.
sub state_begin {
    run($_) for split /;;\n/, <<'END';
CREATE SCHEMA saved;;
CREATE FUNCTION saved.tables() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT relname FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
       AND relname NOT IN ('api_keys', 'cache_change')
     ORDER BY relname
$$;;
CREATE FUNCTION saved.save(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
    SET LOCAL client_min_messages = warning;
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', place);
    EXECUTE format('CREATE SCHEMA %I', place);
    FOR t IN SELECT saved.tables() LOOP
        EXECUTE format('CREATE TABLE %I.%I AS TABLE public.%2$I', place, t);
    END LOOP;
END $$;;
CREATE FUNCTION saved.now() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE t text; v text; out text;
BEGIN
    FOR t IN SELECT saved.tables() LOOP
        SELECT CASE WHEN count(*) = 0 THEN '0' ELSE 'sum(version)' END INTO v
          FROM pg_attribute WHERE attrelid = ('public.' || t)::regclass
           AND attname = 'version';
        EXECUTE format('SELECT count(*) || '' '' || coalesce(%s, 0) || '' ''
            || coalesce(sum(hashtextextended(t::text, 0)), 0)
            FROM public.%I t', v, t) INTO out;
        RETURN NEXT t || ' ' || out;
    END LOOP;
END $$;;
CREATE FUNCTION saved.back(place text, tables text[]) RETURNS void
LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE t text; columns text;
BEGIN
    FOREACH t IN ARRAY tables LOOP
        SELECT string_agg(quote_ident(attname), ', ') INTO columns
          FROM pg_attribute WHERE attrelid = ('public.' || t)::regclass
           AND attnum > 0 AND attgenerated = '' AND NOT attisdropped;
        EXECUTE format('DELETE FROM public.%I a WHERE a::text NOT IN
                        (SELECT b::text FROM %I.%1$I b)', t, place);
        EXECUTE format('INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE
                        SELECT %2$s FROM %I.%1$I b WHERE b::text NOT IN
                        (SELECT a::text FROM public.%1$I a)', t, columns,
                       place);
    END LOOP;
END $$
END
}


sub run {
    return Shop::Test::sql_as('postgres', @_);
}


# Each under a name, or one without.  Going back is quicker when it is known
# what has changed.
sub state_save {
    run('SELECT saved.save(?)', 'saved_' . ($_[0] // ''));
}


sub state_back {
    my ($name, $change) = @_;
    my @tables = defined $change ? map { (split)[0] } split /, /, $change
        : map { $_->[0] } run('SELECT saved.tables()');

    run('SELECT saved.back(?, ?)', 'saved_' . ($name // ''), \@tables);
}


# Of each table: how many rows, the sum of their versions, and a sum over all
# that they say.
sub state_now {
    return { map { my ($table, @rest) = split ' ', $_->[0];
                   ($table => \@rest) } run('SELECT saved.now()') };
}


# What is different, as text: rows and versions more than before.
sub state_change {
    my ($before, $after) = @_;
    my @changed;

    for my $table (sort keys %$after) {
        my ($old, $new) = ($before->{$table}, $after->{$table});
        next if "@$old" eq "@$new";
        push @changed, sprintf '%s %+d %+d', $table, $new->[0] - $old->[0],
            $new->[1] - $old->[1];
    }
    return join ', ', @changed;
}

1;
