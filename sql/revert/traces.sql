-- Revert shop:traces from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP INDEX jobs_dead;
ALTER TABLE jobs DROP COLUMN request_id;
ALTER TABLE events DROP COLUMN request_id;
ALTER TABLE outbox DROP COLUMN request_id;

COMMIT;
