-- Revert shop:catalog from pg

BEGIN;

SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;

DROP TABLE listing_titles, listing_products, redirects, slugs,
           product_categories, category_i18n, categories, variants, media,
           option_value_i18n, option_values, product_option_i18n,
           product_options, product_i18n, products CASCADE;

DROP TRIGGER listing_touch_insert ON locales;
DROP TRIGGER listing_touch_update ON locales;
DROP TRIGGER listing_touch_delete ON locales;
DROP TRIGGER listing_touch_insert ON channels;
DROP TRIGGER listing_touch_update ON channels;
DROP TRIGGER listing_touch_delete ON channels;

DROP FUNCTION listing_touch();
DROP FUNCTION listing_refresh(uuid[]);
DROP FUNCTION listing_scope(text, text);
DROP FUNCTION slugs_delete_of_owner();
DROP FUNCTION slugs_redirect();
DROP FUNCTION product_categories_lock();
DROP FUNCTION categories_set_paths_below();
DROP FUNCTION categories_set_path();
DROP FUNCTION categories_lock_tree();
DROP FUNCTION option_values_check_use();
DROP FUNCTION variants_check_values();
DROP FUNCTION uuid_set(uuid[]);
DROP FUNCTION position_between(text, text);

COMMIT;
