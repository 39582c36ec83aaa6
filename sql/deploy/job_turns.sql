-- Deploy shop:job_turns to pg
-- Whose turn it is among jobs that are due, and of those that nobody has begun
-- one with each key.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE jobs
    ADD COLUMN key     text,
    ADD COLUMN yields  interval    NOT NULL DEFAULT '0',
    ADD COLUMN turn_at timestamptz NOT NULL DEFAULT shop_now(),
    ADD CONSTRAINT jobs_key_length CHECK (char_length(key) BETWEEN 1 AND 200),
    ADD CONSTRAINT jobs_yields CHECK (yields BETWEEN '0' AND '1 day');

COMMENT ON COLUMN jobs.key IS
    'One at most waits with it; gone as soon as the job is begun';
COMMENT ON COLUMN jobs.yields IS
    'It lets pass what is due up to so much later than itself';
COMMENT ON COLUMN jobs.turn_at IS
    'Its place among jobs that are due: run_at, and what it yields';

UPDATE jobs SET turn_at = run_at;

CREATE UNIQUE INDEX jobs_key ON jobs (kind, key) WHERE key IS NOT NULL;
CREATE INDEX jobs_turn ON jobs (turn_at) WHERE dead_at IS NULL;


CREATE FUNCTION jobs_take_place() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.turn_at := NEW.run_at + NEW.yields;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION jobs_take_place() IS
    'Row trigger: turn_at from the job''s other columns';

CREATE TRIGGER jobs_take_place
    BEFORE INSERT OR UPDATE OF run_at, yields ON jobs
    FOR EACH ROW EXECUTE FUNCTION jobs_take_place();

COMMIT;
