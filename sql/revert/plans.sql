-- Revert shop:plans from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER FUNCTION listing_refresh(uuid[]) RESET plan_cache_mode;
ALTER FUNCTION listing_prices_refresh(uuid[]) RESET plan_cache_mode;
ALTER FUNCTION product_prices_refresh(uuid[]) RESET plan_cache_mode;

COMMIT;
