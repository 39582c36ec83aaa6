-- Deploy shop:tag_lengths to pg
-- A tag is as long as the interface and the import say, whoever writes it.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- A CHECK may hold no subquery, and a look at each item is one.
CREATE FUNCTION texts_longest(texts text[]) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(max(char_length(item)), 0) FROM unnest(texts) item
$$;

COMMENT ON FUNCTION texts_longest(text[]) IS
    'Characters of the longest of them; 0 of none';

-- No longer than the import has ever taken them; the interface took less.
ALTER TABLE products ADD CONSTRAINT products_tag_length
    CHECK (texts_longest(tags) <= 255);

COMMIT;
