-- Revert shop:pricing from pg

BEGIN;

SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;

DROP VIEW price_candidates;
DROP TABLE listing_prices, product_prices, prices, price_lists CASCADE;

DROP FUNCTION price_touch() CASCADE;
DROP FUNCTION prices_next_change();
DROP FUNCTION product_prices_refresh(uuid[]);
DROP FUNCTION listing_prices_refresh(uuid[]);
DROP FUNCTION prices_check_currency();

DROP EXTENSION btree_gist;

COMMIT;
