-- Deploy shop:slug_tags to pg
-- An answer that was found by a slug depends on that slug, not on all of them:
-- slug:product:TEXT and slug:category:TEXT take the place of the tag slugs.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE cache_change
    DROP CONSTRAINT cache_change_tag,
    ADD CONSTRAINT cache_change_tag CHECK (char_length(tag) BETWEEN 1 AND 300);

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
                   UNION ALL SELECT 'slug:' || kind || ':' || slug
                    FROM changed$$);
CALL shop_watch('{redirects}', 'cache_touch',
                $$SELECT 'slug:' || kind || ':' || from_slug FROM changed$$);

COMMIT;
