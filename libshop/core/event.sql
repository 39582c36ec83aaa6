-- sql_event_insert(type text, subject text, payload json,
--                  request_id text) none
INSERT INTO outbox (type, subject, payload, request_id)
VALUES (:type, :subject, :payload, :request_id);

-- sql_relay_look(subscribers texts) maybe struct relay_look
-- Asked five times a second: is there anything to do at all?
SELECT EXISTS (SELECT FROM outbox)
       OR NOT ARRAY(SELECT subscriber FROM event_cursors)
              @> :subscribers::text[] AS pending,
       ARRAY(SELECT subscriber FROM event_cursors, event_relay
              WHERE seq < last_seq AND retry_at <= shop_now()
                AND subscriber = ANY (:subscribers::text[])) AS behind;

-- sql_relay_lock() maybe struct relay_lock
-- Of all workers on all machines one numbers; the lock goes with its
-- transaction, so nobody needs to notice that a relay has died.
SELECT pg_try_advisory_xact_lock(
           hashtextextended('event_relay', 0)) AS locked;

-- sql_cursors_make(subscribers texts) none
-- Who subscribes now hears what is numbered from now on.
INSERT INTO event_cursors (subscriber, seq)
SELECT s, last_seq FROM unnest(:subscribers::text[]) s, event_relay
    ON CONFLICT DO NOTHING;

-- sql_events_number(most int) maybe struct relay_numbered
-- A statement of its own behind the lock: its snapshot sees what the last
-- relay committed.
WITH taken AS (
    DELETE FROM outbox
     WHERE id = ANY (ARRAY(SELECT id FROM outbox ORDER BY id LIMIT :most))
    RETURNING id, type, subject, payload, occurred_at, request_id),
made AS (
    INSERT INTO events (seq, type, subject, payload, occurred_at, request_id)
    SELECT last_seq + row_number() OVER (ORDER BY id), type, subject, payload,
           occurred_at, request_id
      FROM taken, event_relay
    RETURNING seq)
UPDATE event_relay SET last_seq = last_seq + (SELECT count(*) FROM made)
RETURNING (SELECT count(*) FROM made) AS n;

-- sql_cursor_lock(subscriber text) maybe struct event_cursor
-- No row: another worker has it, or it failed a moment ago.
SELECT seq, failures FROM event_cursors
 WHERE subscriber = :subscriber AND retry_at <= shop_now()
   FOR UPDATE SKIP LOCKED;

-- sql_events_after(after int, most int) many struct event
SELECT seq, type, subject, payload, occurred_at, recorded_at, request_id
  FROM events
 WHERE seq > :after ORDER BY seq LIMIT :most;

-- sql_cursor_move(subscriber text, seq int) none
UPDATE event_cursors SET seq = :seq, failures = 0, error = NULL
 WHERE subscriber = :subscriber;

-- sql_cursor_failed(subscriber text, seq int, error text, delay int) none
UPDATE event_cursors
   SET failures = failures + 1, error = :error,
       retry_at = shop_now() + :delay::bigint * interval '1 ms'
 WHERE subscriber = :subscriber AND seq = :seq;
