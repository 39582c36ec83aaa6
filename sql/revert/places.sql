-- Revert shop:places from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP FUNCTION product_place(uuid, uuid, uuid, boolean);
DROP FUNCTION positions_between(text, text, integer);

COMMIT;
