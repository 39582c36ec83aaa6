-- Deploy shop:places to pg
-- Places of products in their categories, as staff gives them.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- The middle first, so that of many keys none is long.
CREATE FUNCTION positions_between(before text, after text, n integer)
RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    middle text;
    half   integer := (n - 1) / 2;
BEGIN
    IF n < 1 THEN
        RETURN;
    END IF;

    middle := position_between(before, after);
    RETURN QUERY SELECT positions_between(before, middle, half);
    RETURN NEXT middle;
    RETURN QUERY SELECT positions_between(middle, after, n - 1 - half);
END
$$;

COMMENT ON FUNCTION positions_between(text, text, integer) IS
    'So many positions after one (null: at the start) and before another (null:
end), in their order';


-- One row is written, as a rule. Where there is no room, because neighbours
-- have one place (they were linked at the same time, or never given any) or
-- keys between two have grown long, those around get new keys as well: back to
-- the nearest row, and on to the next, whose key is short.
--
-- Whoever calls holds the category, so that places stand still. The products
-- are locked before their links, as by those who change products.
CREATE FUNCTION product_place(category uuid, product uuid, beside uuid,
                              before boolean) RETURNS integer
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    own    text COLLATE "C";
    at     text COLLATE "C";    -- of the one that it shall stand behind
    at_id  uuid;
    next   text COLLATE "C";    -- and of the one before which
    nextid uuid;
    low    text COLLATE "C";    -- between these all get new keys
    low_id uuid;
    high   text COLLATE "C";
    moving uuid[] := ARRAY[product];
    n      integer;
BEGIN
    SELECT position INTO own FROM product_categories
     WHERE category_id = category AND product_id = product;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF beside IS NOT NULL THEN
        SELECT position, product_id INTO at, at_id FROM product_categories
         WHERE category_id = category AND product_id = beside
           AND product_id <> product;
        IF NOT FOUND THEN
            RAISE 'a product that is not in the category'
                USING ERRCODE = 'foreign_key_violation',
                      CONSTRAINT = 'product_categories_beside',
                      TABLE = 'product_categories';
        END IF;
    END IF;

    IF before THEN
        SELECT position, product_id INTO at, at_id FROM product_categories
         WHERE category_id = category AND product_id <> product
           AND (beside IS NULL OR (position, product_id) < (at, at_id))
         ORDER BY position DESC, product_id DESC LIMIT 1;
    END IF;
    SELECT position, product_id INTO next, nextid FROM product_categories
     WHERE category_id = category AND product_id <> product
       AND (at_id IS NULL OR (position, product_id) > (at, at_id))
     ORDER BY position, product_id LIMIT 1;

    -- It is there already.
    IF (at_id IS NULL OR (own, product) > (at, at_id))
       AND (nextid IS NULL OR (own, product) < (next, nextid))
    THEN
        RETURN 0;
    END IF;

    low := at;
    high := next;
    IF coalesce(at, '') = next OR length(position_between(at, next)) > 200
    THEN
        SELECT position, product_id INTO low, low_id FROM product_categories
         WHERE category_id = category AND product_id <> product
           AND (position, product_id) <= (at, at_id)
           AND length(position) = 4
         ORDER BY position DESC, product_id DESC LIMIT 1;
        SELECT position INTO high FROM product_categories
         WHERE category_id = category AND product_id <> product
           AND position >= next AND position > coalesce(low, '')
           AND length(position) = 4
         ORDER BY position LIMIT 1;
        SELECT array_agg(id ORDER BY part, key, id) INTO moving FROM (
            SELECT product, 2, ''
             UNION ALL
            SELECT product_id, CASE WHEN (position, product_id) <= (at, at_id)
                                    THEN 1 ELSE 3 END, position
              FROM product_categories
             WHERE category_id = category AND product_id <> product
               AND (low IS NULL OR (position, product_id) > (low, low_id))
               AND (high IS NULL OR position < high)) x(id, part, key);
    END IF;

    PERFORM FROM products WHERE id = ANY (moving)
      ORDER BY id FOR NO KEY UPDATE;
    UPDATE product_categories pc SET position = m.key
      FROM unnest(moving, ARRAY(SELECT positions_between(
               low, high, cardinality(moving)))) m(id, key)
     WHERE pc.category_id = category AND pc.product_id = m.id;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;

COMMENT ON FUNCTION product_place(uuid, uuid, uuid, boolean) IS
    'Moves a product of a category behind or before another (null: first or
last); returns how many have another place, null when it is not in it';

COMMIT;
