-- Verify shop:catalog on pg

BEGIN;

SELECT id, handle, status, type, vendor, tags, position, version, created_at,
       updated_at, published_at, archived_at
  FROM products WHERE false;
SELECT product_id, locale, title, description, seo_title, seo_description
  FROM product_i18n WHERE false;
SELECT id, product_id, position, name FROM product_options WHERE false;
SELECT option_id, locale, name FROM product_option_i18n WHERE false;
SELECT id, option_id, product_id, position, value
  FROM option_values WHERE false;
SELECT value_id, locale, value FROM option_value_i18n WHERE false;
SELECT id, product_id, kind, url, alt, position, width, height
  FROM media WHERE false;
SELECT id, product_id, sku, barcode, status, position, option_value_ids,
       option_key, media_id, weight_grams, taxable, requires_shipping,
       in_stock, version, created_at, updated_at
  FROM variants WHERE false;
SELECT id, parent_id, path, handle, position, status, version, created_at,
       updated_at
  FROM categories WHERE false;
SELECT category_id, locale, name, description, seo_title, seo_description
  FROM category_i18n WHERE false;
SELECT product_id, category_id, position FROM product_categories WHERE false;
SELECT kind, owner_id, locale, channel_id, slug FROM slugs WHERE false;
SELECT kind, locale, channel_id, from_slug, owner_id, created_at
  FROM redirects WHERE false;
SELECT product_id, channel_id, scope, position, published_at, in_stock
  FROM listing_products WHERE false;
SELECT product_id, channel_id, scope, locale, title
  FROM listing_titles WHERE false;

SELECT listing_refresh('{}');
SELECT 1 / (position_between('V000', 'V001') = 'V000V')::int;
SELECT 1 / (NOT has_table_privilege('shop_app', 'products', 'DELETE'))::int;
SELECT 1 / (NOT has_table_privilege('shop_app', 'listing_products',
                                    'INSERT, UPDATE, DELETE'))::int;
SELECT 1 / (NOT has_column_privilege('shop_app', 'categories', 'path',
                                     'UPDATE'))::int;

ROLLBACK;
