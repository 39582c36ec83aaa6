-- Deploy shop:plans to pg
-- What keeps the lists in step is planned once a session.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- Their settings leave one plan that is good for one product and for
-- thousands, so planning it anew for each change found nothing, and took most
-- of the time that the change did.
ALTER FUNCTION listing_refresh(uuid[])
    SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION listing_prices_refresh(uuid[])
    SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION product_prices_refresh(uuid[])
    SET plan_cache_mode = force_generic_plan;

-- Autovacuum looks at a table after fifty changes, which these never see; taken
-- for hundreds of rows they had a change of one product prepare a hash of a
-- hundred thousand.
ANALYZE channels, currencies, locales, markets, price_lists;

COMMIT;
