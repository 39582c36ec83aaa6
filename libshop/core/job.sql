-- sql_job_insert(kind text, key text, payload json, after int, attempts int,
--                lease int, yields int, request_id text) none
-- The one with its key that waits takes the newer payload, and the earlier
-- time.  A key of NULL is nobody else's.
INSERT INTO jobs AS j (kind, key, payload, run_at, max_attempts, lease, yields,
                       request_id)
VALUES (:kind, :key, :payload, shop_now() + :after::bigint * interval '1 s',
        :attempts, :lease::bigint * interval '1 s',
        :yields::bigint * interval '1 s', :request_id)
ON CONFLICT (kind, key) WHERE key IS NOT NULL DO UPDATE
   SET payload = excluded.payload, request_id = excluded.request_id,
       run_at = least(j.run_at, excluded.run_at);

-- sql_jobs_look(kinds texts) maybe struct jobs_look
-- Asked five times a second: is there anything to do at all?
SELECT EXISTS (SELECT FROM jobs
                WHERE dead_at IS NULL AND kind = ANY (:kinds::text[])
                  AND greatest(run_at, leased_until) <= shop_now()) AS due,
       EXISTS (SELECT FROM schedules
                WHERE enabled AND next_at <= shop_now()
                  AND kind = ANY (:kinds::text[])) AS scheduled;

-- sql_schedules_run(kinds texts, limits json) none
-- The job and the next time are written together: no run is lost, none made
-- twice.
WITH due AS (
    SELECT name FROM schedules
     WHERE enabled AND next_at <= shop_now() AND kind = ANY (:kinds::text[])
       FOR UPDATE SKIP LOCKED),
moved AS (
    UPDATE schedules s
       SET last_at = next_at,
           next_at = shop_next_time(first_local, every, zone, shop_now())
      FROM due WHERE s.name = due.name
    RETURNING s.kind, s.payload)
INSERT INTO jobs (kind, payload, max_attempts, lease, yields)
SELECT m.kind, m.payload, k.attempts, k.lease * interval '1 s',
       k.yields * interval '1 s'
  FROM moved m
  JOIN jsonb_to_recordset(:limits::jsonb)
       k (kind text, attempts integer, lease integer, yields integer)
       ON k.kind = m.kind;

-- sql_jobs_bury() none
-- Whose last attempt ended without a word: it may be the job that kills.
UPDATE jobs SET dead_at = shop_now(), leased_until = NULL,
                error = coalesce(error, 'lost')
 WHERE id = ANY (ARRAY(
       SELECT id FROM jobs
        WHERE dead_at IS NULL AND attempts >= max_attempts
          AND greatest(run_at, leased_until) <= shop_now()
          FOR UPDATE SKIP LOCKED));

-- sql_jobs_take(kinds texts, most int) many struct job_taken
-- By their turns, which come later the more a job yields, but come.  Who asks
-- for another with the key of one that is begun gets another.
WITH taken AS (
    UPDATE jobs
       SET attempts = attempts + 1, leased_until = shop_now() + lease,
           key = NULL
     WHERE id = ANY (ARRAY(
           SELECT id FROM jobs
            WHERE dead_at IS NULL AND kind = ANY (:kinds::text[])
              AND greatest(run_at, leased_until) <= shop_now()
              AND attempts < max_attempts
            ORDER BY turn_at LIMIT :most
              FOR UPDATE SKIP LOCKED))
    RETURNING id, kind, payload, attempts, request_id, turn_at)
SELECT id, kind, payload, attempts, request_id FROM taken ORDER BY turn_at;

-- sql_job_finish(id uuid, attempts int) none
-- First of all that the job does, so that nobody else has it meanwhile, even
-- when its lease is over.  No row: somebody else has had it.
DELETE FROM jobs WHERE id = :id AND attempts = :attempts AND dead_at IS NULL;

-- sql_job_give_back(id uuid, attempts int) none
-- As if it had not been taken.
UPDATE jobs SET leased_until = NULL, attempts = attempts - 1
 WHERE id = :id AND attempts = :attempts AND dead_at IS NULL;

-- sql_job_failed(id uuid, attempts int, error text,
--                delay int) maybe struct job_fate
UPDATE jobs
   SET leased_until = NULL, error = :error,
       run_at = shop_now() + :delay::bigint * interval '1 ms',
       dead_at = CASE WHEN attempts >= max_attempts THEN shop_now() END
 WHERE id = :id AND attempts = :attempts AND dead_at IS NULL
RETURNING dead_at IS NOT NULL AS dead;
