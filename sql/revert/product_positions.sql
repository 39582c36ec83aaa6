-- Revert shop:product_positions from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP INDEX products_by_position;

COMMIT;
