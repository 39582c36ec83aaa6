-- Revert shop:core from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP TABLE settings;
DROP TABLE idempotency_keys;
DROP TABLE cache_change;
DROP PROCEDURE shop_watch(regclass[], text, text, text[]);
DROP FUNCTION cache_touch();
DROP FUNCTION shop_changed(text);
DROP FUNCTION shop_uuid7();
DROP FUNCTION shop_now();

REVOKE SELECT ON sqitch.changes FROM shop_app;
REVOKE USAGE ON SCHEMA sqitch FROM shop_app;

COMMIT;
