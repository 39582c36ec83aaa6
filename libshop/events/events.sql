-- sql_feed(struct feed_filter, behind int, limit int) many struct feed_event
SELECT seq, type, subject, payload, occurred_at, recorded_at, request_id,
       ARRAY[seq::text]::text AS page_key
  FROM events
 WHERE seq > :behind
--? subject
   AND subject = :subject
--.
 ORDER BY seq
 LIMIT :limit;

-- sql_feed_bounds() maybe struct feed_bounds
SELECT coalesce((SELECT min(seq) FROM events), last_seq + 1) AS first,
       last_seq AS last
  FROM event_relay;

-- sql_events_trim(most int) none
-- Older than 30 days, and had by every subscriber.
DELETE FROM events
 WHERE seq = ANY (ARRAY(
       SELECT seq FROM events
        WHERE recorded_at < shop_now() - interval '30 days'
          AND seq <= ALL (SELECT c.seq FROM event_cursors c)
        ORDER BY seq LIMIT :most));

-- sql_job_rows(struct job_filter, after_id text, limit int)
--     many struct job_row
-- Oldest first.
SELECT id, kind, payload,
       CASE WHEN dead_at IS NOT NULL THEN 'dead'
            WHEN leased_until > shop_now() THEN 'running'
            ELSE 'waiting' END AS state,
       attempts, max_attempts, error, run_at, leased_until, dead_at,
       created_at, request_id, ARRAY[id::text]::text AS page_key
  FROM jobs
 WHERE true
--? after_id
   AND id > :after_id::uuid
--.
--? kind
   AND kind = :kind
--.
--? state=dead
   AND dead_at IS NOT NULL
--.
--? state=running
   AND dead_at IS NULL AND leased_until > shop_now()
--.
--? state=waiting
   AND dead_at IS NULL
   AND (leased_until IS NULL OR leased_until <= shop_now())
--.
 ORDER BY id
 LIMIT :limit;

-- sql_job_row(id uuid) maybe struct job_row
SELECT id, kind, payload,
       CASE WHEN dead_at IS NOT NULL THEN 'dead'
            WHEN leased_until > shop_now() THEN 'running'
            ELSE 'waiting' END AS state,
       attempts, max_attempts, error, run_at, leased_until, dead_at,
       created_at, request_id
  FROM jobs
 WHERE id = :id;

-- sql_job_replay(id uuid) none
UPDATE jobs SET dead_at = NULL, attempts = 0, run_at = shop_now()
 WHERE id = :id AND dead_at IS NOT NULL;

-- sql_job_discard(id uuid) none
DELETE FROM jobs WHERE id = :id AND dead_at IS NOT NULL;
