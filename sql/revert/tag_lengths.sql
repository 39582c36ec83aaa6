-- Revert shop:tag_lengths from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE products DROP CONSTRAINT products_tag_length;
DROP FUNCTION texts_longest(text[]);

COMMIT;
