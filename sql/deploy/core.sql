-- Deploy shop:core to pg
-- What every domain stands on: the shop's clock, its ids, the tags by which
-- caches learn of changes, stored answers, settings.
--
-- The roles exist before: shop_owner owns the database and runs this file,
-- shop_app is what nginx and shopctl connect as and may change no table's form.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- Sqitch made its registry before it ran this; /readyz reads the last change.
GRANT USAGE ON SCHEMA sqitch TO shop_app;
GRANT SELECT ON sqitch.changes TO shop_app;


-- The only clock of all statements. A test turns it with SET shop.now.
CREATE FUNCTION shop_now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('shop.now', true), '')::timestamptz,
                    now())
$$;

COMMENT ON FUNCTION shop_now() IS
    'Present time: the setting shop.now when it is set, else now()';


-- RFC 9562, version 7, with the microseconds of the millisecond in rand_a, so
-- that ids made one after another by one session sort in that order.
CREATE FUNCTION shop_uuid7() RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
DECLARE
    us constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
BEGIN
    RETURN encode(substring(int8send(us / 1000) FROM 3)
                  || int2send((28672 + us % 1000 * 4096 / 1000)::int2)
                  || substring(uuid_send(gen_random_uuid()) FROM 9),
                  'hex')::uuid;
END
$$;

COMMENT ON FUNCTION shop_uuid7() IS
    'A new id: UUID version 7, sortable by the time it was made';


-- ---------------------------------------------------------------------------
-- Cache tags

CREATE TABLE cache_change (
    xid xid8        NOT NULL DEFAULT pg_current_xact_id(),
    tag text        NOT NULL,
    at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cache_change_tag CHECK (char_length(tag) BETWEEN 1 AND 100)
);

-- The poller asks for xid >= xmin of its last poll, whatever the commit order.
CREATE INDEX cache_change_xid ON cache_change (xid);

COMMENT ON TABLE cache_change IS
    'Tags of cached answers that a transaction made stale; trimmed by a job';
COMMENT ON COLUMN cache_change.xid IS 'Transaction that made the change';
COMMENT ON COLUMN cache_change.tag IS
    'Such as product:ID, products, product:* (any product''s own tag)';
COMMENT ON COLUMN cache_change.at IS
    'When; real time, as it decides only what may be trimmed';


-- The rows of a statement under one name, so that one query serves all events.
CREATE FUNCTION shop_changed(op text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE op
           WHEN 'INSERT' THEN 'SELECT * FROM new_rows'
           WHEN 'DELETE' THEN 'SELECT * FROM old_rows'
           ELSE 'SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows' END
$$;

COMMENT ON FUNCTION shop_changed(text) IS
    'Query for the rows that a statement of this kind removed, made or changed';


-- Statement trigger. Its argument is a query over `changed` (the statement's
-- old and new rows) that returns tags. Above 100 of them, one tag a kind stands
-- for all: product:* means every product:ID.
CREATE FUNCTION cache_touch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format(
        'WITH changed AS (%s), tags AS (SELECT DISTINCT tag FROM (%s) q(tag)),
         total AS (SELECT count(*) AS n FROM tags)
         INSERT INTO cache_change (tag)
         SELECT DISTINCT CASE WHEN n > 100
                              THEN regexp_replace(tag, '':.*'', '':*'')
                              ELSE tag END
           FROM tags, total WHERE tag IS NOT NULL',
        shop_changed(TG_OP), TG_ARGV[0]);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION cache_touch() IS
    'Statement trigger: appends the tags that its argument, a query, returns';


-- PostgreSQL wants a trigger for each event when transition tables are used;
-- migrations say it in one line instead of twelve. Triggers of one event fire
-- in the order of their names.
CREATE PROCEDURE shop_watch(tabs regclass[], fn text, query text,
                            events text[] DEFAULT '{INSERT,UPDATE,DELETE}')
LANGUAGE plpgsql AS $$
DECLARE
    tab   regclass;
    event text;
BEGIN
    FOR tab, event IN SELECT t, e FROM unnest(tabs) t, unnest(events) e LOOP
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s REFERENCING %s %s
                        FOR EACH STATEMENT EXECUTE FUNCTION %I(%L)',
                       fn || '_' || lower(event), event, tab,
                       CASE WHEN event <> 'INSERT'
                            THEN 'OLD TABLE AS old_rows' END,
                       CASE WHEN event <> 'DELETE'
                            THEN 'NEW TABLE AS new_rows' END,
                       fn, query);
    END LOOP;
END
$$;

COMMENT ON PROCEDURE shop_watch(regclass[], text, text, text[]) IS
    'For migrations: makes the statement triggers of tables';


-- ---------------------------------------------------------------------------
-- Stored answers

CREATE TABLE idempotency_keys (
    caller     text        NOT NULL,
    key        text        NOT NULL,
    method     text        NOT NULL,
    route      text        NOT NULL,
    body_hash  bytea       NOT NULL,
    status     integer     NOT NULL,
    headers    jsonb       NOT NULL DEFAULT '{}',
    body       bytea       NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT shop_now(),
    PRIMARY KEY (caller, key),
    CONSTRAINT idempotency_keys_caller
        CHECK (char_length(caller) BETWEEN 1 AND 100),
    CONSTRAINT idempotency_keys_key CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_keys_body_hash CHECK (octet_length(body_hash) = 32),
    CONSTRAINT idempotency_keys_status CHECK (status BETWEEN 200 AND 599)
);

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

COMMENT ON TABLE idempotency_keys IS
    'Answers of committed transactions, sent again when the key is repeated';
COMMENT ON COLUMN idempotency_keys.caller IS
    'Kind and id of who asked; keys of two callers never meet';
COMMENT ON COLUMN idempotency_keys.key IS 'Idempotency-Key as it was sent';
COMMENT ON COLUMN idempotency_keys.method IS 'Method of the first request';
COMMENT ON COLUMN idempotency_keys.route IS 'Path of the first request';
COMMENT ON COLUMN idempotency_keys.body_hash IS
    'SHA-256 of the first request''s body; another body is refused';
COMMENT ON COLUMN idempotency_keys.status IS 'Status of the answer';
COMMENT ON COLUMN idempotency_keys.headers IS 'Headers of the answer';
COMMENT ON COLUMN idempotency_keys.body IS 'Body of the answer';
COMMENT ON COLUMN idempotency_keys.created_at IS
    'When it was stored; kept for 24 hours';


-- ---------------------------------------------------------------------------
-- Settings

CREATE TABLE settings (
    scope      text        NOT NULL DEFAULT 'shop',
    key        text        NOT NULL,
    value      jsonb       NOT NULL,
    version    bigint      NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT shop_now(),
    PRIMARY KEY (scope, key),
    CONSTRAINT settings_scope CHECK (char_length(scope) BETWEEN 1 AND 100),
    CONSTRAINT settings_key CHECK (key ~ '^[a-z][a-z0-9_.]{0,99}$')
);

COMMENT ON TABLE settings IS
    'What a merchant decides; infrastructure is configured in nginx';
COMMENT ON COLUMN settings.scope IS 'shop, or whose setting it is instead';
COMMENT ON COLUMN settings.key IS 'Name, dotted by area';
COMMENT ON COLUMN settings.value IS 'Value, of the type that the key asks for';
COMMENT ON COLUMN settings.version IS 'Raised by each change; behind the ETag';
COMMENT ON COLUMN settings.updated_at IS 'Last change';

CALL shop_watch('{settings}', 'cache_touch', $$SELECT 'store' FROM changed$$);


GRANT SELECT, INSERT (tag), DELETE ON cache_change TO shop_app;
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO shop_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON settings TO shop_app;

COMMIT;
