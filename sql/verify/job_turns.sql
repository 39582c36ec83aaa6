-- Verify shop:job_turns on pg

BEGIN;

SELECT key, yields, turn_at FROM jobs WHERE false;

SELECT 1 / (count(*) = 2)::int FROM pg_class
 WHERE relname IN ('jobs_key', 'jobs_turn') AND relkind = 'i';

SELECT 1 / count(*) FROM pg_trigger
 WHERE tgname = 'jobs_take_place' AND tgrelid = 'jobs'::regclass;

ROLLBACK;
