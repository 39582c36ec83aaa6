-- Verify shop:plans on pg

BEGIN;

SELECT 1 / (count(*) = 3)::int FROM pg_proc
 WHERE oid IN ('listing_refresh(uuid[])'::regprocedure,
               'listing_prices_refresh(uuid[])'::regprocedure,
               'product_prices_refresh(uuid[])'::regprocedure)
   AND 'plan_cache_mode=force_generic_plan' = ANY (proconfig);

ROLLBACK;
