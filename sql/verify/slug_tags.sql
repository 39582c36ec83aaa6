-- Verify shop:slug_tags on pg

BEGIN;

SELECT 1 / (count(*) = 6)::int
  FROM pg_trigger
 WHERE tgrelid IN ('slugs'::regclass, 'redirects'::regclass)
   AND tgname LIKE 'cache_touch%'
   AND encode(tgargs, 'escape') LIKE '%slug:%';

SELECT 1 / count(*) FROM pg_constraint
 WHERE conname = 'cache_change_tag'
   AND pg_get_constraintdef(oid) LIKE '%300%';

ROLLBACK;
