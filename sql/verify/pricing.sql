-- Verify shop:pricing on pg

BEGIN;

SELECT id, code, name, kind, rank, priority, status, currency, channel_id,
       market_id, starts_at, ends_at, version, created_at, updated_at
  FROM price_lists WHERE false;
SELECT id, price_list_id, variant_id, currency, amount, compare_at,
       min_quantity, valid, version, created_at, updated_at
  FROM prices WHERE false;
SELECT id, variant_id, currency, amount, compare_at, min_quantity, valid,
       created_at, price_list_id, price_list_code, kind, rank, priority,
       channel_id, market_id
  FROM price_candidates WHERE false;
SELECT product_id, channel_id, currency, from_at, until_at, min_amount,
       max_amount, compare_at
  FROM product_prices WHERE false;
SELECT product_id, channel_id, scope, currency, from_at, until_at, min_amount
  FROM listing_prices WHERE false;

SELECT product_prices_refresh('{}'), prices_next_change();
SELECT 1 / count(*) FROM price_lists WHERE code = 'default';
SELECT 1 / has_table_privilege('shop_app', 'prices', 'DELETE')::int;
SELECT 1 / (NOT has_table_privilege('shop_app', 'listing_prices',
                                    'INSERT, UPDATE, DELETE'))::int;

ROLLBACK;
