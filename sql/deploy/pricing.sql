-- Deploy shop:pricing to pg
-- Price lists, prices, and the read model for lists by price.
--
-- Which of a variant's prices holds: the kind of list with the highest rank
-- (customer, group, market, sale, base), in it the highest priority, then the
-- newest price, then the highest id; inside a list the highest min_quantity
-- that is reached.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- Equality of uuid, text and integer beside the overlap of ranges.
CREATE EXTENSION IF NOT EXISTS btree_gist;


CREATE TABLE price_lists (
    id         uuid        PRIMARY KEY DEFAULT shop_uuid7(),
    code       text        NOT NULL,
    name       text        NOT NULL,
    kind       text        NOT NULL DEFAULT 'base',
    rank       smallint    NOT NULL GENERATED ALWAYS AS (
                   CASE kind WHEN 'customer' THEN 5 WHEN 'group' THEN 4
                             WHEN 'market' THEN 3 WHEN 'sale' THEN 2
                             ELSE 1 END) STORED,
    priority   integer     NOT NULL DEFAULT 0,
    status     text        NOT NULL DEFAULT 'active',
    currency   text        REFERENCES currencies,
    channel_id uuid        REFERENCES channels,
    market_id  uuid        REFERENCES markets,
    starts_at  timestamptz,
    ends_at    timestamptz,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT shop_now(),
    updated_at timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT price_lists_code UNIQUE (code),
    CONSTRAINT price_lists_code_form
        CHECK (code ~ '^[a-z0-9][a-z0-9-]{0,49}$'),
    CONSTRAINT price_lists_name CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT price_lists_kind
        CHECK (kind IN ('base', 'sale', 'market', 'group', 'customer')),
    CONSTRAINT price_lists_priority
        CHECK (priority BETWEEN -1000000 AND 1000000),
    CONSTRAINT price_lists_status CHECK (status IN ('active', 'archived')),
    CONSTRAINT price_lists_window CHECK (starts_at < ends_at)
);

COMMENT ON TABLE price_lists IS
    'Sets of prices, with the conditions under which they hold';
COMMENT ON COLUMN price_lists.id IS 'Id';
COMMENT ON COLUMN price_lists.code IS 'Short name, unique';
COMMENT ON COLUMN price_lists.name IS 'Name for people';
COMMENT ON COLUMN price_lists.kind IS 'base, sale, market, group or customer';
COMMENT ON COLUMN price_lists.rank IS 'What its kind counts; the higher wins';
COMMENT ON COLUMN price_lists.priority IS
    'Among lists of one kind the higher wins';
COMMENT ON COLUMN price_lists.status IS 'active or archived';
COMMENT ON COLUMN price_lists.currency IS
    'When set, the only currency of its prices';
COMMENT ON COLUMN price_lists.channel_id IS 'When set, only in this channel';
COMMENT ON COLUMN price_lists.market_id IS 'When set, only in this market';
COMMENT ON COLUMN price_lists.starts_at IS 'When set, not before';
COMMENT ON COLUMN price_lists.ends_at IS 'When set, no more from then on';
COMMENT ON COLUMN price_lists.version IS
    'Raised by each change; behind the ETag';
COMMENT ON COLUMN price_lists.created_at IS 'When it was made';
COMMENT ON COLUMN price_lists.updated_at IS 'Last change';

INSERT INTO price_lists (id, code, name, kind)
VALUES ('01900000-0000-7000-8000-000000000003', 'default', 'Base prices',
        'base');


CREATE TABLE prices (
    id            uuid        PRIMARY KEY DEFAULT shop_uuid7(),
    price_list_id uuid        NOT NULL REFERENCES price_lists
                              DEFAULT '01900000-0000-7000-8000-000000000003',
    variant_id    uuid        NOT NULL REFERENCES variants ON DELETE CASCADE,
    currency      text        NOT NULL REFERENCES currencies,
    amount        bigint      NOT NULL,
    compare_at    bigint,
    min_quantity  integer     NOT NULL DEFAULT 1,
    valid         tstzrange   NOT NULL DEFAULT '(,)',
    version       bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT shop_now(),
    updated_at    timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT prices_amount CHECK (amount BETWEEN 0 AND 9007199254740991),
    CONSTRAINT prices_compare_at
        CHECK (compare_at BETWEEN 0 AND 9007199254740991),
    CONSTRAINT prices_min_quantity CHECK (min_quantity BETWEEN 1 AND 1000000),
    CONSTRAINT prices_valid
        CHECK (NOT isempty(valid) AND (lower_inf(valid) OR lower_inc(valid))
               AND NOT upper_inc(valid)),
    CONSTRAINT prices_overlap EXCLUDE USING gist (
        variant_id WITH =, price_list_id WITH =, currency WITH =,
        min_quantity WITH =, valid WITH &&)
);

-- Holds all that choosing a price asks for, so that it is read alone: else the
-- planner prefers the index of the constraint, whose tree takes ten times as
-- many pages for one variant.
CREATE INDEX prices_by_variant ON prices (variant_id, currency, min_quantity)
    INCLUDE (id, price_list_id, amount, compare_at, valid, created_at);
CREATE INDEX prices_by_list ON prices (price_list_id, id);

COMMENT ON TABLE prices IS 'Amounts of a price list';
COMMENT ON COLUMN prices.id IS 'Id';
COMMENT ON COLUMN prices.price_list_id IS 'Price list';
COMMENT ON COLUMN prices.variant_id IS 'Variant';
COMMENT ON COLUMN prices.currency IS 'Currency of both amounts';
COMMENT ON COLUMN prices.amount IS 'Price of one, in minor units';
COMMENT ON COLUMN prices.compare_at IS
    'Former or recommended price, for showing, in minor units';
COMMENT ON COLUMN prices.min_quantity IS 'Holds from this quantity on';
COMMENT ON COLUMN prices.valid IS
    'When it holds, from inclusive, to exclusive; closed ranges are history';
COMMENT ON COLUMN prices.version IS 'Raised by each change; behind the ETag';
COMMENT ON COLUMN prices.created_at IS 'When it was made';
COMMENT ON COLUMN prices.updated_at IS 'Last change';


-- A list with a currency has prices in no other. FOR SHARE holds the list to
-- its currency until the prices are committed.
CREATE FUNCTION prices_check_currency() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    IF TG_TABLE_NAME = 'prices' THEN
        PERFORM FROM price_lists
          WHERE id IN (SELECT price_list_id FROM new_rows)
          ORDER BY id FOR SHARE;
        SELECT l.code INTO wrong
          FROM new_rows p JOIN price_lists l ON l.id = p.price_list_id
         WHERE l.currency <> p.currency LIMIT 1;
    ELSE
        SELECT l.code INTO wrong
          FROM new_rows l
         WHERE EXISTS (SELECT FROM prices p WHERE p.price_list_id = l.id
                          AND p.currency <> l.currency) LIMIT 1;
    END IF;

    IF wrong IS NOT NULL THEN
        RAISE 'price list % has another currency', wrong
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'prices_currency_of_list', TABLE = 'prices';
    END IF;

    RETURN NULL;
END
$$;

COMMENT ON FUNCTION prices_check_currency() IS
    'Statement trigger: prices are in the currency of their list';

CREATE TRIGGER check_currency_insert AFTER INSERT ON prices
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION prices_check_currency();

CREATE TRIGGER check_currency_update AFTER UPDATE ON prices
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION prices_check_currency();

CREATE TRIGGER check_currency_update AFTER UPDATE ON price_lists
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION prices_check_currency();


-- The prices that may hold at some time, with what decides between them. For
-- one variant: WHERE variant_id = X AND currency = C AND valid @> shop_now()
-- ORDER BY rank DESC, priority DESC, created_at DESC, id DESC LIMIT 1.
CREATE VIEW price_candidates AS
    SELECT p.id, p.variant_id, p.currency, p.amount, p.compare_at,
           p.min_quantity, p.valid * tstzrange(l.starts_at, l.ends_at) AS valid,
           p.created_at, l.id AS price_list_id, l.code AS price_list_code,
           l.kind, l.rank, l.priority, l.channel_id, l.market_id
      FROM prices p
      JOIN price_lists l ON l.id = p.price_list_id
     WHERE l.status = 'active'
       AND p.valid && tstzrange(l.starts_at, l.ends_at);

COMMENT ON VIEW price_candidates IS
    'Prices of active lists, within the time that price and list both allow';


-- ---------------------------------------------------------------------------
-- Lists by price
--
-- What anybody pays for one piece, for each stretch of time until the next
-- change: a scheduled price needs no write when its time comes. A read asks
-- for from_at <= shop_now() AND shop_now() < until_at.

CREATE TABLE product_prices (
    product_id uuid        NOT NULL,
    channel_id uuid        NOT NULL,
    currency   text        NOT NULL,
    from_at    timestamptz NOT NULL,
    until_at   timestamptz NOT NULL,
    min_amount bigint      NOT NULL,
    max_amount bigint      NOT NULL,
    compare_at bigint,
    PRIMARY KEY (product_id, channel_id, currency, from_at)
);

CREATE INDEX product_prices_by_from_at ON product_prices (from_at)
    WHERE from_at > '-infinity';
CREATE INDEX product_prices_by_until_at ON product_prices (until_at)
    WHERE until_at < 'infinity';

COMMENT ON TABLE product_prices IS
    'Read model: what a product costs in each currency, now and later';
COMMENT ON COLUMN product_prices.product_id IS 'Product';
COMMENT ON COLUMN product_prices.channel_id IS 'Channel';
COMMENT ON COLUMN product_prices.currency IS 'Currency of all amounts';
COMMENT ON COLUMN product_prices.from_at IS 'First moment, or -infinity';
COMMENT ON COLUMN product_prices.until_at IS 'First moment after, or infinity';
COMMENT ON COLUMN product_prices.min_amount IS 'Price of the cheapest variant';
COMMENT ON COLUMN product_prices.max_amount IS 'Price of the dearest variant';
COMMENT ON COLUMN product_prices.compare_at IS
    'The cheapest variant''s compare-at price';


-- sort=price reads listing_prices_by_amount, forwards or backwards; a price
-- range is a part of it.
CREATE TABLE listing_prices (
    product_id uuid        NOT NULL,
    channel_id uuid        NOT NULL,
    scope      uuid        NOT NULL,
    currency   text        NOT NULL,
    from_at    timestamptz NOT NULL,
    until_at   timestamptz NOT NULL,
    min_amount bigint      NOT NULL,
    PRIMARY KEY (product_id, channel_id, scope, currency, from_at)
);

CREATE INDEX listing_prices_by_amount
    ON listing_prices (channel_id, scope, currency, min_amount, product_id);

COMMENT ON TABLE listing_prices IS
    'Read model: prices of listed products in every currency, to sort by';
COMMENT ON COLUMN listing_prices.product_id IS 'Product';
COMMENT ON COLUMN listing_prices.channel_id IS 'Channel';
COMMENT ON COLUMN listing_prices.scope IS 'As in listing_products';
COMMENT ON COLUMN listing_prices.currency IS 'Currency';
COMMENT ON COLUMN listing_prices.from_at IS 'First moment, or -infinity';
COMMENT ON COLUMN listing_prices.until_at IS 'First moment after, or infinity';
COMMENT ON COLUMN listing_prices.min_amount IS 'Price of the cheapest variant';


-- Bounds that lie behind are of no interest: the first stretch begins at
-- -infinity and is what holds now. What price_candidates says is repeated here
-- with OFFSET 0, as in listing_products_of().
CREATE FUNCTION product_prices_of(ids uuid[])
RETURNS SETOF product_prices
LANGUAGE sql STABLE AS $$
    SELECT i.id, r.*
      FROM unnest(ids) i(id)
     CROSS JOIN LATERAL (
        WITH candidate AS MATERIALIZED (
            SELECT ch.id AS ch, p.*, l.rank, l.priority,
                   p.valid * tstzrange(l.starts_at, l.ends_at) AS during
              FROM (SELECT id FROM variants
                     WHERE product_id = i.id AND status = 'active'
                    OFFSET 0) v
             CROSS JOIN LATERAL (SELECT * FROM prices
                                  WHERE variant_id = v.id OFFSET 0) p
             CROSS JOIN LATERAL (SELECT * FROM price_lists
                                  WHERE id = p.price_list_id
                                    AND status = 'active'
                                    AND kind IN ('base', 'sale', 'market')
                                 OFFSET 0) l
              JOIN channels ch
                ON (l.channel_id IS NULL OR l.channel_id = ch.id)
                   AND (l.market_id IS NULL
                        OR l.market_id = ch.default_market_id)
             WHERE p.min_quantity = 1
               AND p.valid && tstzrange(l.starts_at, l.ends_at)),
        stretch AS (
            SELECT ch, currency, at AS from_at,
                   lead(at, 1, 'infinity') OVER (
                       PARTITION BY ch, currency ORDER BY at) AS until_at
              FROM (SELECT DISTINCT ch, currency, at
                      FROM candidate
                     CROSS JOIN LATERAL (
                           VALUES ('-infinity'::timestamptz), (lower(during)),
                                  (upper(during))) b(at)
                     WHERE at = '-infinity' OR at > shop_now()) bound),
        price AS (
            SELECT DISTINCT ON (s.ch, s.currency, s.from_at, c.variant_id)
                   s.*, c.amount, c.compare_at
              FROM stretch s
              JOIN candidate c ON c.ch = s.ch AND c.currency = s.currency
                   AND c.during @> greatest(s.from_at, shop_now())
             ORDER BY s.ch, s.currency, s.from_at, c.variant_id, c.rank DESC,
                      c.priority DESC, c.created_at DESC, c.id DESC)
        SELECT ch, currency, from_at, until_at, min(amount), max(amount),
               (array_agg(compare_at ORDER BY amount, compare_at))[1]
          FROM price
         GROUP BY ch, currency, from_at, until_at) r
$$;

COMMENT ON FUNCTION product_prices_of(uuid[]) IS
    'What product_prices should say of these products';


CREATE FUNCTION listing_prices_of(ids uuid[])
RETURNS SETOF listing_prices
LANGUAGE sql STABLE AS $$
    SELECT l.product_id, l.channel_id, l.scope, p.currency, p.from_at,
           p.until_at, p.min_amount
      FROM unnest(ids) i(id)
     CROSS JOIN LATERAL (SELECT * FROM product_prices
                          WHERE product_id = i.id OFFSET 0) p
     CROSS JOIN LATERAL (SELECT * FROM listing_products
                          WHERE product_id = i.id OFFSET 0) l
     WHERE l.channel_id = p.channel_id
$$;

COMMENT ON FUNCTION listing_prices_of(uuid[]) IS
    'What listing_prices should say of these products';


-- As listing_refresh().
CREATE FUNCTION listing_prices_refresh(ids uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET jit = off SET enable_seqscan = off
SET enable_nestloop = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM FROM products WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;

    WITH want AS MATERIALIZED (SELECT * FROM listing_prices_of(ids)),
    have AS MATERIALIZED (
        SELECT h.* FROM unnest(ids) i(id)
         CROSS JOIN LATERAL (SELECT ctid AS place, * FROM listing_prices
                              WHERE product_id = i.id OFFSET 0) h),
    gone AS (
        DELETE FROM listing_prices WHERE ctid = ANY (ARRAY(
            SELECT h.place FROM have h WHERE NOT EXISTS (
                SELECT FROM want w
                 WHERE (w.product_id, w.channel_id, w.scope, w.currency,
                        w.from_at)
                       = (h.product_id, h.channel_id, h.scope, h.currency,
                          h.from_at)))))
    INSERT INTO listing_prices
    SELECT w.* FROM want w WHERE NOT EXISTS (
        SELECT FROM have h
         WHERE (w.product_id, w.channel_id, w.scope, w.currency, w.from_at)
               = (h.product_id, h.channel_id, h.scope, h.currency, h.from_at)
           AND w.until_at = h.until_at AND w.min_amount = h.min_amount)
    ON CONFLICT (product_id, channel_id, scope, currency, from_at)
    DO UPDATE SET until_at = excluded.until_at,
                  min_amount = excluded.min_amount;
END
$$;

COMMENT ON FUNCTION listing_prices_refresh(uuid[]) IS
    'Brings the lists by price in step with product_prices and the scopes';


CREATE FUNCTION product_prices_refresh(ids uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET jit = off SET enable_seqscan = off
SET enable_nestloop = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM FROM products WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;

    WITH want AS MATERIALIZED (SELECT * FROM product_prices_of(ids)),
    have AS MATERIALIZED (
        SELECT h.* FROM unnest(ids) i(id)
         CROSS JOIN LATERAL (SELECT ctid AS place, * FROM product_prices
                              WHERE product_id = i.id OFFSET 0) h),
    gone AS (
        DELETE FROM product_prices WHERE ctid = ANY (ARRAY(
            SELECT h.place FROM have h WHERE NOT EXISTS (
                SELECT FROM want w
                 WHERE (w.product_id, w.channel_id, w.currency, w.from_at)
                       = (h.product_id, h.channel_id, h.currency, h.from_at)))))
    INSERT INTO product_prices
    SELECT w.* FROM want w WHERE NOT EXISTS (
        SELECT FROM have h
         WHERE (w.product_id, w.channel_id, w.currency, w.from_at)
               = (h.product_id, h.channel_id, h.currency, h.from_at)
           AND w.until_at = h.until_at AND w.min_amount = h.min_amount
           AND w.max_amount = h.max_amount
           AND w.compare_at IS NOT DISTINCT FROM h.compare_at)
    ON CONFLICT (product_id, channel_id, currency, from_at)
    DO UPDATE SET until_at = excluded.until_at,
                  min_amount = excluded.min_amount,
                  max_amount = excluded.max_amount,
                  compare_at = excluded.compare_at;

    PERFORM listing_prices_refresh(ids);
END
$$;

COMMENT ON FUNCTION product_prices_refresh(uuid[]) IS
    'Brings product_prices and the lists by price in step with the prices';


-- Answers with prices are good until then; null is for ever.
CREATE FUNCTION prices_next_change() RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT least((SELECT min(from_at) FROM product_prices
                   WHERE from_at > shop_now() AND from_at > '-infinity'),
                 (SELECT min(until_at) FROM product_prices
                   WHERE until_at > shop_now() AND until_at < 'infinity'))
$$;

COMMENT ON FUNCTION prices_next_change() IS
    'When any product''s price changes next without a write';


CREATE FUNCTION price_touch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
BEGIN
    IF current_setting('shop.listing', true) = 'manual' THEN
        RETURN NULL;
    END IF;

    EXECUTE format('WITH changed AS (%s)
                    SELECT array_agg(DISTINCT id) FROM (%s) q(id)',
                   shop_changed(TG_OP), TG_ARGV[0])
       INTO ids;

    IF ids IS NOT NULL AND TG_TABLE_NAME = 'listing_products' THEN
        PERFORM listing_prices_refresh(ids);
    ELSIF ids IS NOT NULL THEN
        PERFORM product_prices_refresh(ids);
    END IF;

    RETURN NULL;
END
$$;

COMMENT ON FUNCTION price_touch() IS
    'Statement trigger: refreshes the prices of what its argument returns';

CALL shop_watch('{prices}', 'price_touch',
                $$SELECT v.product_id FROM changed c
                    JOIN variants v ON v.id = c.variant_id$$);
CALL shop_watch('{variants}', 'price_touch',
                $$SELECT product_id FROM changed
                   GROUP BY product_id, id
                  HAVING count(DISTINCT status) > 1$$,
                '{UPDATE}');
CALL shop_watch('{variants}', 'price_touch',
                $$SELECT product_id FROM changed$$, '{DELETE}');
CALL shop_watch('{price_lists}', 'price_touch',
                $$SELECT v.product_id FROM changed c
                    JOIN prices p ON p.price_list_id = c.id
                    JOIN variants v ON v.id = p.variant_id$$, '{UPDATE}');
CALL shop_watch('{channels}', 'price_touch',
                $$SELECT id FROM products WHERE EXISTS (SELECT FROM changed)$$);
CALL shop_watch('{listing_products}', 'price_touch',
                $$SELECT product_id FROM changed$$, '{INSERT,DELETE}');


CALL shop_watch('{prices}', 'cache_touch',
                $$SELECT 'product:' || v.product_id FROM changed c
                    JOIN variants v ON v.id = c.variant_id
                   UNION ALL SELECT 'products' FROM changed$$);
CALL shop_watch('{price_lists}', 'cache_touch',
                $$SELECT unnest('{store,products,product:*}'::text[])
                    FROM changed$$);


-- Prices are closed or changed; one that was never meant may be deleted.
GRANT SELECT, INSERT, UPDATE ON price_lists TO shop_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON prices TO shop_app;
GRANT SELECT ON price_candidates, product_prices, listing_prices TO shop_app;

COMMIT;
