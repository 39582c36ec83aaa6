-- Verify shop:access on pg

BEGIN;

SELECT id, name, prefix, last4, hash, scopes, channel_id, created_at,
       expires_at, revoked_at, last_used_at
  FROM api_keys WHERE false;

SELECT 1 / has_table_privilege('shop_app', 'api_keys', 'INSERT')::int;
SELECT 1 / (NOT has_table_privilege('shop_app', 'api_keys', 'DELETE'))::int;

ROLLBACK;
