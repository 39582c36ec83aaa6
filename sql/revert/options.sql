-- Revert shop:options from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION variants_check_values() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.id) INTO ids FROM new_rows n
         WHERE n.option_value_ids <> '{}';
    ELSE
        SELECT array_agg(n.id) INTO ids
          FROM new_rows n JOIN old_rows o ON o.id = n.id
         WHERE (o.product_id, o.option_value_ids)
               <> (n.product_id, n.option_value_ids);
    END IF;

    IF ids IS NULL THEN
        RETURN NULL;
    END IF;

    PERFORM FROM option_values
      WHERE id IN (SELECT unnest(option_value_ids) FROM variants
                    WHERE id = ANY (ids))
      ORDER BY id FOR KEY SHARE;

    IF EXISTS (
        SELECT FROM variants v
         WHERE v.id = ANY (ids)
           AND cardinality(v.option_value_ids)
               <> (SELECT count(DISTINCT o.option_id) FROM option_values o
                    WHERE o.id = ANY (v.option_value_ids)
                      AND o.product_id = v.product_id))
    THEN
        RAISE 'a variant takes one value of an option of its own product'
            USING ERRCODE = 'foreign_key_violation',
                  CONSTRAINT = 'variants_option_values', TABLE = 'variants';
    END IF;

    RETURN NULL;
END
$$;

COMMIT;
