-- jobs.sql - what the commands "jobs ..." ask and do.

-- sql_jobs_rows
-- $1 state, $2 kind, $3 id; null is any. Oldest first, as the API has them.
SELECT id, kind, state, attempts, max_attempts, error, payload, request_id,
       run_at, leased_until, dead_at, created_at
  FROM (SELECT *, CASE WHEN dead_at IS NOT NULL THEN 'dead'
                       WHEN leased_until > shop_now() THEN 'running'
                       ELSE 'waiting' END AS state
          FROM jobs) j
 WHERE ($1::text IS NULL OR state = $1)
   AND ($2::text IS NULL OR kind = $2)
   AND ($3::uuid IS NULL OR id = $3)
 ORDER BY id;

-- sql_jobs_replay
-- $1 ids, $2 kind; null is any.
UPDATE jobs SET dead_at = NULL, attempts = 0, run_at = shop_now()
 WHERE dead_at IS NOT NULL
   AND ($1::uuid[] IS NULL OR id = ANY ($1))
   AND ($2::text IS NULL OR kind = $2)
RETURNING id;

-- sql_jobs_discard
DELETE FROM jobs
 WHERE dead_at IS NOT NULL
   AND ($1::uuid[] IS NULL OR id = ANY ($1))
   AND ($2::text IS NULL OR kind = $2)
RETURNING id;

-- sql_jobs_there
-- Those of $1 that there are.
SELECT id FROM jobs WHERE id = ANY ($1::uuid[]);
