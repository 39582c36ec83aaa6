-- Revert shop:idle_triggers from pg

BEGIN;

CREATE OR REPLACE FUNCTION cache_touch() RETURNS trigger
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


CREATE OR REPLACE FUNCTION listing_touch() RETURNS trigger
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

    IF ids IS NOT NULL THEN
        PERFORM listing_refresh(ids);
    END IF;

    RETURN NULL;
END
$$;


CREATE OR REPLACE FUNCTION price_touch() RETURNS trigger
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

COMMIT;
