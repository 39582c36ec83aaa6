-- check.sql - what shopctl check asks the database about itself.

-- sql_check_server
SELECT current_setting('server_version_num')::int >= 150000
       AND current_setting('server_encoding') = 'UTF8'
       AND NOT pg_is_in_recovery(),
       format('PostgreSQL %s, database %s, encoding %s%s',
              regexp_replace(current_setting('server_version'), ' .*', ''),
              current_database(), current_setting('server_encoding'),
              CASE WHEN pg_is_in_recovery() THEN ', a standby' ELSE '' END)

-- sql_check_role
-- A right to make, to own or to grant is a right to change the tables' form.
SELECT reasons = '{}',
       CASE WHEN reasons = '{}'
            THEN format('%s may not change the tables'' form', current_user)
            ELSE format('%s may change the tables'' form: %s', current_user,
                        array_to_string(reasons, ', ')) END
  FROM (SELECT array_remove(ARRAY[
            CASE WHEN r.rolsuper THEN 'superuser' END,
            CASE WHEN r.rolcreaterole THEN 'may make roles' END,
            CASE WHEN has_database_privilege(current_database(), 'CREATE')
                 THEN 'may make schemas' END,
            CASE WHEN has_schema_privilege('public', 'CREATE')
                 THEN 'may make tables' END,
            CASE WHEN NOT r.rolsuper AND EXISTS (
                      SELECT FROM pg_class c
                       WHERE c.relnamespace IN (
                             SELECT oid FROM pg_namespace
                              WHERE nspname IN ('public', 'sqitch'))
                         AND pg_has_role(c.relowner, 'MEMBER'))
                 THEN 'owns tables' END], NULL) AS reasons
          FROM pg_roles r WHERE r.rolname = current_user) x

-- sql_check_migrations
-- $1 are the changes of the plan, in its order.
SELECT missing = '{}' AND further = '{}',
       CASE WHEN missing <> '{}'
            THEN format('not deployed: %s (cd sql && sqitch deploy)',
                        array_to_string(missing, ', '))
            WHEN further <> '{}'
            THEN format('deployed by a later version: %s',
                        array_to_string(further, ', '))
            ELSE format('all %s are deployed, the last is %s',
                        cardinality($1::text[]), ($1::text[])[array_upper(
                            $1::text[], 1)]) END
  FROM (SELECT ARRAY(SELECT p.change
                       FROM unnest($1::text[]) WITH ORDINALITY p(change, n)
                      WHERE p.change NOT IN (SELECT c.change
                                               FROM sqitch.changes c)
                      ORDER BY p.n),
               ARRAY(SELECT c.change FROM sqitch.changes c
                      WHERE c.change <> ALL ($1::text[])
                      ORDER BY c.committed_at)) x(missing, further)

-- sql_check_connections
-- $1 workers, $2 connections of each, $3 further ones of the whole. A reload
-- has the old workers beside the new ones, so all is needed twice.
SELECT needed <= allowed,
       format('%s workers x %s connections x 2%s = %s; the role may have %s',
              $1::int, $2::int,
              CASE WHEN $3::int > 0 THEN format(' + %s', $3::int) ELSE '' END,
              needed, allowed)
  FROM (SELECT $1::int * $2::int * 2 + $3::int) n(needed),
       (SELECT least(current_setting('max_connections')::int
                     - CASE WHEN r.rolsuper THEN 0 ELSE current_setting(
                           'superuser_reserved_connections')::int END,
                     nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))
          FROM pg_roles r, pg_database d
         WHERE r.rolname = current_user
           AND d.datname = current_database()) a(allowed)
