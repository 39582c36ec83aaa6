-- Revert shop:store from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP TABLE channels;
DROP TABLE markets;
DROP TABLE locales;
DROP TABLE currencies;

COMMIT;
