-- Revert shop:slug_tags from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP TRIGGER cache_touch_insert ON slugs;
DROP TRIGGER cache_touch_update ON slugs;
DROP TRIGGER cache_touch_delete ON slugs;
DROP TRIGGER cache_touch_insert ON redirects;
DROP TRIGGER cache_touch_update ON redirects;
DROP TRIGGER cache_touch_delete ON redirects;

CALL shop_watch('{slugs}', 'cache_touch',
                $$SELECT kind || ':' || owner_id FROM changed
                   UNION ALL SELECT CASE kind WHEN 'product' THEN 'products'
                                              ELSE 'categories' END
                    FROM changed
                   UNION ALL SELECT 'slugs' FROM changed$$);
CALL shop_watch('{redirects}', 'cache_touch', $$SELECT 'slugs' FROM changed$$);

-- What is not polled yet stands for all that it may have been.
UPDATE cache_change SET tag = '*' WHERE char_length(tag) > 100;

ALTER TABLE cache_change
    DROP CONSTRAINT cache_change_tag,
    ADD CONSTRAINT cache_change_tag CHECK (char_length(tag) BETWEEN 1 AND 100);

COMMIT;
