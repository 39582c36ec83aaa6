-- Verify shop:tag_lengths on pg

BEGIN;

SELECT 1 / (texts_longest('{}') = 0 AND texts_longest('{a,çay}') = 3)::int;

SELECT 1 / count(*) FROM pg_constraint
 WHERE conname = 'products_tag_length' AND conrelid = 'products'::regclass
   AND convalidated;

ROLLBACK;
