-- Verify shop:traces on pg

BEGIN;

SELECT request_id FROM outbox WHERE false;
SELECT request_id FROM events WHERE false;
SELECT request_id FROM jobs WHERE false;

SELECT 1 / count(*) FROM pg_indexes
 WHERE indexname = 'jobs_dead' AND schemaname = current_schema();

ROLLBACK;
