-- Revert shop:job_turns from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP TRIGGER jobs_take_place ON jobs;
DROP FUNCTION jobs_take_place();
ALTER TABLE jobs
    DROP COLUMN key,
    DROP COLUMN yields,
    DROP COLUMN turn_at;

COMMIT;
