-- Revert shop:events from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP TABLE schedules;
DROP FUNCTION schedules_plan();
DROP FUNCTION shop_next_time(timestamp, interval, text, timestamptz);
DROP TABLE jobs;
DROP TABLE event_cursors;
DROP TABLE event_relay;
DROP TABLE events;
DROP TABLE outbox;

COMMIT;
