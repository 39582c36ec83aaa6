-- import_views.sql - what the file wants each row to be, beside what the row
-- is. The plan compares the two, and what is applied is taken from here as
-- well, so that a dry run tells what would be done and nothing else.
--
-- A column that the file has decides, also when a cell is empty. A column that
-- it does not have leaves what is there, and new things get the default.

CREATE TEMP TABLE import_has AS
SELECT bool_or(present) FILTER (WHERE name = 'body') AS body,
       bool_or(present) FILTER (WHERE name = 'vendor') AS vendor,
       bool_or(present) FILTER (WHERE name IN ('type', 'category')) AS type,
       bool_or(present) FILTER (WHERE name = 'tags') AS tags,
       bool_or(present) FILTER (WHERE name IN ('status', 'published'))
           AS status,
       bool_or(present) FILTER (WHERE name = 'sku') AS sku,
       bool_or(present) FILTER (WHERE name = 'grams') AS grams,
       bool_or(present) FILTER (WHERE name = 'inventory_qty') AS inventory_qty,
       bool_or(present) FILTER (WHERE name = 'price') AS price,
       bool_or(present) FILTER (WHERE name = 'compare_at') AS compare_at,
       bool_or(present) FILTER (WHERE name = 'requires_shipping')
           AS requires_shipping,
       bool_or(present) FILTER (WHERE name = 'taxable') AS taxable,
       bool_or(present) FILTER (WHERE name = 'barcode') AS barcode,
       bool_or(present) FILTER (WHERE name = 'image_src') AS image_src,
       bool_or(present) FILTER (WHERE name = 'image_alt') AS image_alt,
       bool_or(present) FILTER (WHERE name = 'variant_image') AS variant_image,
       bool_or(present) FILTER (WHERE name = 'seo_title') AS seo_title,
       bool_or(present) FILTER (WHERE name = 'seo_description')
           AS seo_description
  FROM import_column;

-- Temporary tables get no statistics by themselves, and a planner that takes
-- one row for a thousand joins in the wrong order.
ANALYZE import_has, import_run, import_column;

-- An active product that is not published in the shop is a draft here.
CREATE TEMP VIEW import_product_want AS
SELECT w.*, NOT w.is_new AND NOT w.texts_only
       AND (p.status, p.vendor, p.type, p.tags)
           IS DISTINCT FROM (w.status, w.vendor, w.type, w.tags) AS differs
  FROM (SELECT i.*,
               CASE WHEN h.status IS NOT TRUE
                    THEN coalesce(p.status, 'active')
                    WHEN coalesce(r.status, 'active') = 'active'
                         AND r.published IS FALSE THEN 'draft'
                    ELSE coalesce(r.status, 'active') END AS status,
               CASE WHEN h.vendor THEN coalesce(r.vendor, '')
                    ELSE coalesce(p.vendor, '') END AS vendor,
               CASE WHEN h.type THEN coalesce(r.type, r.category, '')
                    ELSE coalesce(p.type, '') END AS type,
               CASE WHEN h.tags THEN coalesce(r.tags, '{}')
                    ELSE coalesce(p.tags, '{}') END AS tags
          FROM import_product i
          JOIN import_row r ON r.line = i.line
          LEFT JOIN products p ON p.id = i.id
         CROSS JOIN import_has h) w
  LEFT JOIN products p ON p.id = w.id;

CREATE TEMP VIEW import_text_want AS
SELECT w.*, w.is_new OR t.product_id IS NULL AS missing,
       t.product_id IS NOT NULL
       AND (t.title, t.description, t.seo_title, t.seo_description)
           IS DISTINCT FROM (w.title, w.description, w.seo_title,
                             w.seo_description) AS differs
  FROM (SELECT i.id, i.line, i.is_new, n.locale, n.channel_id, r.slug,
               r.title,
               CASE WHEN h.body THEN coalesce(r.body, '')
                    ELSE coalesce(t.description, '') END AS description,
               CASE WHEN h.seo_title THEN coalesce(r.seo_title, '')
                    ELSE coalesce(t.seo_title, '') END AS seo_title,
               CASE WHEN h.seo_description THEN coalesce(r.seo_description, '')
                    ELSE coalesce(t.seo_description, '') END
                   AS seo_description
          FROM import_product i
          JOIN import_row r ON r.line = i.line
         CROSS JOIN import_has h
         CROSS JOIN import_run n
          LEFT JOIN product_i18n t
               ON t.product_id = i.id AND t.locale = n.locale) w
  LEFT JOIN product_i18n t ON t.product_id = w.id AND t.locale = w.locale;

-- The address is the handle, once: whoever changed it afterwards keeps it.
CREATE TEMP VIEW import_slug_want AS
SELECT t.id, t.line, t.locale, t.channel_id, t.slug
  FROM import_text_want t
 WHERE NOT EXISTS (SELECT FROM slugs s
                    WHERE s.kind = 'product' AND s.owner_id = t.id
                      AND s.locale = t.locale
                      AND s.channel_id = t.channel_id);

CREATE TEMP VIEW import_variant_want AS
SELECT w.*, NOT w.is_new
       AND (v.sku, v.barcode, v.status, v.position::integer,
            v.option_value_ids, v.media_id, v.weight_grams, v.taxable,
            v.requires_shipping, v.in_stock)
           IS DISTINCT FROM (w.sku, w.barcode, 'active', w.position,
            w.value_ids, w.media_id, w.weight_grams, w.taxable,
            w.requires_shipping, w.in_stock) AS differs
  FROM (SELECT i.line, i.product_id, i.position, i.value_ids, i.id, i.is_new,
               CASE WHEN h.sku THEN i.sku ELSE v.sku END AS sku,
               CASE WHEN h.barcode THEN r.barcode ELSE v.barcode END
                   AS barcode,
               CASE WHEN h.image_src AND h.variant_image THEN m.id
                    ELSE v.media_id END AS media_id,
               CASE WHEN h.grams THEN coalesce(r.grams, 0)
                    ELSE coalesce(v.weight_grams, 0) END AS weight_grams,
               CASE WHEN h.taxable THEN coalesce(r.taxable, false)
                    ELSE coalesce(v.taxable, true) END AS taxable,
               CASE WHEN h.requires_shipping
                    THEN coalesce(r.requires_shipping, false)
                    ELSE coalesce(v.requires_shipping, true) END
                   AS requires_shipping,
               CASE WHEN h.inventory_qty
                    THEN r.inventory_tracker IS NULL
                         OR coalesce(r.inventory_qty, 0) > 0
                         OR coalesce(lower(r.inventory_policy) = 'continue',
                                     false)
                    ELSE coalesce(v.in_stock, true) END AS in_stock
          FROM import_variant i
          JOIN import_row r ON r.line = i.line
          LEFT JOIN variants v ON v.id = i.id
          LEFT JOIN import_image m
               ON m.product_id = i.product_id AND m.url = r.variant_image
         CROSS JOIN import_has h) w
  LEFT JOIN variants v ON v.id = w.id;

-- Variants of the file's products that the file no longer has.
CREATE TEMP VIEW import_variant_gone AS
SELECT v.id, v.product_id, v.status, v.sku, v.option_value_ids
  FROM import_product p
  JOIN variants v ON v.product_id = p.id
 WHERE p.has_parts
   AND NOT EXISTS (SELECT FROM import_variant i WHERE i.id = v.id);

CREATE TEMP VIEW import_image_gone AS
SELECT m.id, m.product_id
  FROM import_product p
  JOIN media m ON m.product_id = p.id AND m.kind = 'image'
 CROSS JOIN import_has h
 WHERE h.image_src AND NOT p.texts_only
   AND NOT EXISTS (SELECT FROM import_image i WHERE i.id = m.id);

-- A value that an archived variant has stays with it.
CREATE TEMP VIEW import_value_gone AS
SELECT v.id, v.product_id
  FROM import_product p
  JOIN option_values v ON v.product_id = p.id
 WHERE p.has_parts
   AND NOT EXISTS (SELECT FROM import_value i WHERE i.id = v.id)
   AND NOT EXISTS (SELECT FROM import_variant_gone g
                    WHERE g.product_id = v.product_id
                      AND v.id = ANY (g.option_value_ids));

CREATE TEMP VIEW import_option_gone AS
SELECT o.id, o.product_id, o.name, p.line
  FROM import_product p
  JOIN product_options o ON o.product_id = p.id
 WHERE p.has_parts
   AND NOT EXISTS (SELECT FROM import_option i WHERE i.id = o.id);
