-- Verify shop:events on pg

BEGIN;

SELECT id, type, subject, payload, occurred_at FROM outbox WHERE false;
SELECT seq, type, subject, payload, occurred_at, recorded_at
  FROM events WHERE false;
SELECT one, last_seq FROM event_relay WHERE false;
SELECT subscriber, seq, failures, retry_at, error
  FROM event_cursors WHERE false;
SELECT id, kind, payload, run_at, leased_until, lease, attempts, max_attempts,
       error, dead_at, created_at
  FROM jobs WHERE false;
SELECT name, kind, payload, first_local, every, zone, next_at, last_at, enabled
  FROM schedules WHERE false;

SELECT 1 / count(*) FROM event_relay;
SELECT 1 / (shop_next_time('2025-01-01 03:00', '1 day', 'Europe/Berlin',
                           '2025-07-01T00:00:00Z')
            = '2025-07-01T01:00:00Z')::int;

SELECT 1 / has_table_privilege('shop_app', 'outbox', 'INSERT')::int;
SELECT 1 / (NOT has_table_privilege('shop_app', 'events', 'UPDATE'))::int;
SELECT 1 / (NOT has_table_privilege('shop_app', 'schedules', 'INSERT'))::int;

ROLLBACK;
