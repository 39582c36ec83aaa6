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


# The functions, in a schema that the application does not know.  What has not
# been touched since it was summed up need not be looked at again: a table's
# trigger says so in the transaction that touches it.
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
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', place,
                   pg_snapshot_xmin(pg_current_snapshot()));
    FOR t IN SELECT saved.tables() LOOP
        EXECUTE format('CREATE TABLE %I.%I AS TABLE public.%2$I', place, t);
    END LOOP;
END $$;;
CREATE TABLE saved.touched (tab text);;
CREATE TABLE saved.sums (tab text PRIMARY KEY, says text);;
CREATE FUNCTION saved.touch() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER AS $$
BEGIN
    INSERT INTO saved.touched VALUES (TG_RELNAME);
    RETURN NULL;
END $$;;
DO $$
DECLARE t text;
BEGIN
    FOR t IN SELECT saved.tables() LOOP
        EXECUTE format('CREATE TRIGGER touched AFTER INSERT OR UPDATE OR
            DELETE OR TRUNCATE ON public.%I EXECUTE FUNCTION saved.touch()',
            t);
    END LOOP;
END $$;;
INSERT INTO saved.touched SELECT saved.tables();;
CREATE FUNCTION saved.sum(t text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v text; out text;
BEGIN
    SELECT CASE WHEN count(*) = 0 THEN '0' ELSE 'sum(version)' END INTO v
      FROM pg_attribute WHERE attrelid = ('public.' || t)::regclass
       AND attname = 'version';
    EXECUTE format('SELECT count(*) || '' '' || coalesce(%s, 0) || '' ''
        || coalesce(sum(hashtextextended(t::text, 0)), 0)
        FROM public.%I t', v, t) INTO out;
    RETURN t || ' ' || out;
END $$;;
CREATE FUNCTION saved.now() RETURNS SETOF text LANGUAGE sql AS $$
    WITH gone AS (DELETE FROM saved.touched RETURNING tab)
    INSERT INTO saved.sums
    SELECT tab, saved.sum(tab) FROM gone GROUP BY tab
        ON CONFLICT (tab) DO UPDATE SET says = EXCLUDED.says;
    SELECT says FROM saved.sums
$$;;
CREATE FUNCTION saved.key_of(t text, a text, b text) RETURNS text
LANGUAGE sql AS $$
    SELECT string_agg(format('%s.%I = %s.%2$I', a, attname, b), ' AND ')
      FROM pg_index i JOIN pg_attribute c
        ON attrelid = indrelid AND attnum = ANY (indkey)
     WHERE indrelid = ('public.' || t)::regclass AND indisprimary
$$;;
CREATE FUNCTION saved.back(place text, tables text[]) RETURNS void
LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE t text; columns text; since text;
BEGIN
    SELECT obj_description(oid, 'pg_namespace') INTO since
      FROM pg_namespace WHERE nspname = place;
    INSERT INTO saved.touched SELECT unnest(tables);
    FOREACH t IN ARRAY tables LOOP
        SELECT string_agg(quote_ident(attname), ', ') INTO columns
          FROM pg_attribute WHERE attrelid = ('public.' || t)::regclass
           AND attnum > 0 AND attgenerated = '' AND NOT attisdropped;
        EXECUTE format('DELETE FROM public.%I a
                        WHERE a.xmin::text::bigint >= %s', t, since);
        EXECUTE format('INSERT INTO public.%1$I (%2$s) OVERRIDING SYSTEM VALUE
                        SELECT %2$s FROM %3$I.%1$I b WHERE NOT EXISTS
                        (SELECT FROM public.%1$I a WHERE %4$s)', t, columns,
                       place, saved.key_of(t, 'a', 'b'));
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
