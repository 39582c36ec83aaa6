-- Deploy shop:traces to pg
-- Who made it: events and jobs know the request that set them going; and what a
-- monitor asks each second is found by an index.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE outbox ADD COLUMN request_id text,
    ADD CONSTRAINT outbox_request_id
        CHECK (char_length(request_id) BETWEEN 1 AND 64);
ALTER TABLE events ADD COLUMN request_id text;
ALTER TABLE jobs ADD COLUMN request_id text,
    ADD CONSTRAINT jobs_request_id
        CHECK (char_length(request_id) BETWEEN 1 AND 64);

COMMENT ON COLUMN outbox.request_id IS
    'X-Request-Id of the request that made it; none for what psql did';
COMMENT ON COLUMN events.request_id IS
    'X-Request-Id of the request that made it; none for what psql did';
COMMENT ON COLUMN jobs.request_id IS
    'X-Request-Id of the request that asked for it, also through an event';

-- Of all jobs dead letters are few, or should be.
CREATE INDEX jobs_dead ON jobs (dead_at) WHERE dead_at IS NOT NULL;

COMMIT;
