-- Verify shop:core on pg
-- A division by zero, or a name that is not there, fails the verification.

BEGIN;

SELECT xid, tag, at FROM cache_change WHERE false;
SELECT caller, key, method, route, body_hash, status, headers, body, created_at
  FROM idempotency_keys WHERE false;
SELECT scope, key, value, version, updated_at FROM settings WHERE false;

SET LOCAL shop.now = '2001-02-03T04:05:06Z';
SELECT 1 / (shop_now() = '2001-02-03T04:05:06Z')::int;
SET LOCAL shop.now = '';
SELECT 1 / (shop_now() = now())::int;

SELECT 1 / (shop_uuid7()::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7')::int;

SELECT 1 / has_table_privilege('shop_app', 'sqitch.changes', 'SELECT')::int;
SELECT 1 / has_table_privilege('shop_app', 'idempotency_keys', 'INSERT')::int;
SELECT 1 / (NOT has_table_privilege('shop_app', 'cache_change', 'INSERT'))::int;
SELECT 1 / has_column_privilege('shop_app', 'cache_change', 'tag',
                                'INSERT')::int;
SELECT 1 / (NOT has_schema_privilege('shop_app', 'public', 'CREATE'))::int;

ROLLBACK;
