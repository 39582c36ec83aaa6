-- sql_once_lock(who text, key text) maybe struct once_lock
-- A repetition that comes while the first still runs gets no connection to
-- wait on: it is told to come again.
SELECT pg_try_advisory_xact_lock(
           hashtextextended(:who || ' ' || :key, 0)) AS locked;

-- sql_once_find(who text, key text) maybe struct once_answer
-- A statement of its own behind the lock: its snapshot sees what the last
-- holder of the lock committed.
SELECT method, route AS path, encode(body_hash, 'hex') AS body_hash, status,
       headers->>'ETag' AS etag, headers->>'Location' AS location,
       headers->>'Content-Type' AS type, convert_from(body, 'UTF8') AS body
  FROM idempotency_keys
 WHERE caller = :who AND key = :key;

-- sql_constraints_now() none
-- What would be checked at COMMIT only.
SET CONSTRAINTS ALL IMMEDIATE;

-- sql_once_insert(struct once_answer, who text, key text) none
INSERT INTO idempotency_keys
       (caller, key, method, route, body_hash, status, headers, body)
VALUES (:who, :key, :method, :path, decode(:body_hash, 'hex'), :status,
        jsonb_strip_nulls(jsonb_build_object(
            'ETag', :etag::text, 'Location', :location::text,
            'Content-Type', :type::text)),
        convert_to(:body, 'UTF8'));
