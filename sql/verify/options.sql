-- Verify shop:options on pg

BEGIN;

SELECT 1 / (prosrc LIKE '%GROUP BY v.id%')::int
  FROM pg_proc WHERE proname = 'variants_check_values';

ROLLBACK;
