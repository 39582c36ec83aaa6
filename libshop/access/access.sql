-- sql_api_key(hash text) maybe struct api_key
-- By the hash of the whole key, which is 256 random bits: neither a slow hash
-- nor a comparison in constant time would add anything.
SELECT id, scopes, channel_id
  FROM api_keys
 WHERE hash = decode(:hash, 'hex')
   AND revoked_at IS NULL
   AND (expires_at IS NULL OR expires_at > shop_now());

-- sql_api_key_used(id uuid) none
-- About to the minute, so that a busy key is not written at every request;
-- and never waiting for the one who writes it just now.
UPDATE api_keys SET last_used_at = shop_now()
 WHERE id = (SELECT id FROM api_keys
              WHERE id = :id
                AND (last_used_at IS NULL
                     OR last_used_at < shop_now() - interval '1 minute')
                FOR NO KEY UPDATE SKIP LOCKED);
