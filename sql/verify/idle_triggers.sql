-- Verify shop:idle_triggers on pg

BEGIN;

SELECT 1 / (count(*) = 3)::int
  FROM pg_proc
 WHERE oid IN ('cache_touch'::regproc, 'listing_touch'::regproc,
               'price_touch'::regproc)
   AND prosrc LIKE '%NOT FOUND%';

ROLLBACK;
