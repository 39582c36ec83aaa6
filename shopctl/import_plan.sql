-- import_plan.sql - what the file would change. Reads the catalogue, writes to
-- temporary tables only; may be run again after products were left out.

-- A dry run is a read-only transaction, in which TRUNCATE is not allowed.
DELETE FROM import_product;
DELETE FROM import_option;
DELETE FROM import_value;
DELETE FROM import_image;
DELETE FROM import_variant;
DELETE FROM import_price;
DELETE FROM import_change;
DELETE FROM import_changed;

INSERT INTO import_product (id, handle, line, is_new, texts_only, has_parts)
SELECT coalesce(p.id, shop_uuid7()), f.handle, f.line, p.id IS NULL,
       t.product_id IS NOT NULL, t.product_id IS NULL AND h.price
  FROM import_first f
 CROSS JOIN import_run r
 CROSS JOIN import_has h
  LEFT JOIN products p ON p.handle = f.handle
  LEFT JOIN product_i18n t ON t.product_id = p.id AND t.locale <> r.locale
       AND t.locale = r.default_locale
 ORDER BY f.line;

ANALYZE import_product;

INSERT INTO import_fault (line, name, reason, handle)
SELECT p.line, 'price', 'is not in the file, and the product is new', p.handle
  FROM import_product p
 CROSS JOIN import_has h
 WHERE p.is_new AND NOT h.price
ON CONFLICT DO NOTHING;

INSERT INTO import_fault (line, name, reason, handle)
SELECT w.line, 'handle', format('is the address of the product "%s" already',
                                other.handle), p.handle
  FROM import_slug_want w
  JOIN import_product p ON p.id = w.id
  JOIN slugs s ON s.kind = 'product' AND s.channel_id = w.channel_id
       AND s.locale = w.locale AND s.slug = w.slug
  JOIN products other ON other.id = s.owner_id
ON CONFLICT DO NOTHING;

-- By name, in the language of the file or as it is kept.
INSERT INTO import_option (product_id, n, name, line, id, is_new, renamed)
SELECT p.id, f.n, f.name, f.line, o.id, false, false
  FROM import_product p
  JOIN import_name f ON f.handle = p.handle
 CROSS JOIN import_run r
  LEFT JOIN LATERAL (
       SELECT o.id
         FROM product_options o
         LEFT JOIN product_option_i18n x
              ON x.option_id = o.id AND x.locale = r.locale
        WHERE o.product_id = p.id AND f.name IN (o.name, x.name)
        ORDER BY o.name <> f.name LIMIT 1) o ON NOT p.is_new
 WHERE p.has_parts;

-- One that is not found is the option in its place under another name, when
-- the file has no use for that one.
UPDATE import_option i SET id = o.id, renamed = true
  FROM product_options o
 WHERE i.id IS NULL AND o.product_id = i.product_id AND o.position = i.n
   AND NOT EXISTS (SELECT FROM import_option x WHERE x.id = o.id);

UPDATE import_option SET id = shop_uuid7(), is_new = true WHERE id IS NULL;

ANALYZE import_option;

INSERT INTO import_value (product_id, option_id, n, value, position, id,
                          is_new)
SELECT f.product_id, f.option_id, f.n, f.value, f.position,
       coalesce(v.id, shop_uuid7()), v.id IS NULL
  FROM (SELECT o.product_id, o.id AS option_id, o.n, x.value,
               row_number() OVER (PARTITION BY o.id ORDER BY min(r.line))
                   AS position
          FROM import_option o
          JOIN import_product p ON p.id = o.product_id
          JOIN import_row r ON r.handle = p.handle AND r.is_variant
         CROSS JOIN LATERAL (VALUES (1, r.option1_value),
                                    (2, r.option2_value),
                                    (3, r.option3_value)) x (n, value)
         WHERE x.n = o.n AND x.value IS NOT NULL
         GROUP BY o.product_id, o.id, o.n, x.value) f
  LEFT JOIN option_values v ON v.option_id = f.option_id AND v.value = f.value;

-- An image may stand in several rows; a variant's is one of the product's even
-- when it stands nowhere else.
INSERT INTO import_image (product_id, url, alt, position, id, is_new)
SELECT f.id, f.url,
       CASE WHEN h.image_alt THEN f.alt ELSE coalesce(m.alt, '') END,
       f.position, coalesce(m.id, shop_uuid7()), m.id IS NULL
  FROM (SELECT p.id, x.url,
               coalesce((array_agg(x.alt ORDER BY x.last, r.line)
                         FILTER (WHERE x.alt IS NOT NULL))[1], '') AS alt,
               row_number() OVER (
                   PARTITION BY p.id
                   ORDER BY bool_and(x.last),
                            min(r.image_position) FILTER (WHERE NOT x.last),
                            min(r.line)) AS position
          FROM import_product p
          JOIN import_row r ON r.handle = p.handle
         CROSS JOIN LATERAL (
               VALUES (r.image_src, r.image_alt, false),
                      (r.variant_image, NULL, true)) x (url, alt, last)
         WHERE x.url IS NOT NULL AND NOT p.texts_only
         GROUP BY p.id, x.url) f
 CROSS JOIN import_has h
  LEFT JOIN media m ON m.product_id = f.id AND m.url = f.url
 WHERE h.image_src;

ANALYZE import_value, import_image;

INSERT INTO import_variant (line, product_id, position, value_ids, sku, is_new)
SELECT r.line, p.id,
       row_number() OVER (PARTITION BY p.id ORDER BY r.line),
       array_remove(ARRAY[v1.id, v2.id, v3.id], NULL), r.sku, false
  FROM import_product p
  JOIN import_row r ON r.handle = p.handle AND r.is_variant
  LEFT JOIN import_value v1 ON v1.product_id = p.id AND v1.n = 1
       AND v1.value = r.option1_value
  LEFT JOIN import_value v2 ON v2.product_id = p.id AND v2.n = 2
       AND v2.value = r.option2_value
  LEFT JOIN import_value v3 ON v3.product_id = p.id AND v3.n = 3
       AND v3.value = r.option3_value
 WHERE p.has_parts;

UPDATE import_variant i SET id = v.id
  FROM variants v
 WHERE v.product_id = i.product_id AND v.option_key = uuid_set(i.value_ids);

-- The rest by SKU: the same thing under other options.
UPDATE import_variant i SET id = v.id
  FROM variants v
 WHERE i.id IS NULL AND v.sku = i.sku AND v.product_id = i.product_id
   AND NOT EXISTS (SELECT FROM import_variant x WHERE x.id = v.id);

UPDATE import_variant SET id = shop_uuid7(), is_new = true WHERE id IS NULL;

ANALYZE import_variant;

-- Another variant of the file's products gives its SKU up, see apply.sql.
INSERT INTO import_fault (line, name, reason, handle)
SELECT i.line, 'sku', format('"%s" is a variant of the product "%s" already',
                             i.sku, other.handle), p.handle
  FROM import_variant_want i
  JOIN variants v ON v.sku = i.sku
  JOIN products other ON other.id = v.product_id
  JOIN import_product p ON p.id = i.product_id
 WHERE v.id <> i.id
   AND NOT EXISTS (SELECT FROM import_product x
                    WHERE x.id = v.product_id AND x.has_parts)
ON CONFLICT DO NOTHING;

INSERT INTO import_fault (line, name, reason, handle)
SELECT o.line, 'option1_name',
       format('does not name "%s", which variants have that the file lacks',
              o.name), p.handle
  FROM import_option_gone o
  JOIN import_product p ON p.id = o.product_id
 WHERE EXISTS (SELECT FROM import_variant_gone g
                 JOIN option_values v ON v.product_id = g.product_id
                      AND v.id = ANY (g.option_value_ids)
                WHERE g.product_id = o.product_id AND v.option_id = o.id)
ON CONFLICT DO NOTHING;

-- A price that changes ends now, and the new one begins: what it was remains
-- to be seen. The first price of all holds from ever.
INSERT INTO import_price (variant_id, product_id, price_id, amount,
                          compare_at, from_at, until_at, in_place)
SELECT i.id, i.product_id, p.id, r.price, w.compare_at,
       CASE WHEN p.id IS NOT NULL OR later.at IS NOT NULL OR earlier.found
            THEN shop_now() END,
       coalesce(upper(p.valid), later.at),
       coalesce(lower(p.valid) = shop_now(), false)
  FROM import_variant i
  JOIN import_row r ON r.line = i.line
 CROSS JOIN import_run n
 CROSS JOIN import_has h
  LEFT JOIN prices p ON p.variant_id = i.id AND p.currency = n.currency
       AND p.price_list_id = n.price_list_id AND p.min_quantity = 1
       AND p.valid @> shop_now()
 CROSS JOIN LATERAL (SELECT CASE WHEN h.compare_at THEN r.compare_at
                                 ELSE p.compare_at END) w (compare_at)
  LEFT JOIN LATERAL (
       SELECT min(lower(x.valid)) FROM prices x
        WHERE NOT i.is_new AND p.id IS NULL AND x.variant_id = i.id
          AND x.currency = n.currency AND x.price_list_id = n.price_list_id
          AND x.min_quantity = 1 AND lower(x.valid) > shop_now())
       later (at) ON true
  LEFT JOIN LATERAL (
       SELECT true FROM prices x
        WHERE NOT i.is_new AND p.id IS NULL AND x.variant_id = i.id
          AND x.currency = n.currency AND x.price_list_id = n.price_list_id
          AND x.min_quantity = 1 AND upper(x.valid) <= shop_now() LIMIT 1)
       earlier (found) ON true
 WHERE r.price IS NOT NULL
   AND (p.amount, p.compare_at) IS DISTINCT FROM (r.price, w.compare_at);

ANALYZE import_price;

INSERT INTO import_change (product_id, part, action)
SELECT id, 'details', CASE WHEN is_new THEN 'created' ELSE 'updated' END
  FROM import_product_want
 WHERE is_new OR differs;

INSERT INTO import_change (product_id, part, action)
SELECT id, 'texts', CASE WHEN differs THEN 'updated' ELSE 'created' END
  FROM import_text_want
 WHERE missing OR differs;

INSERT INTO import_change (product_id, part, action)
SELECT id, 'addresses', 'created' FROM import_slug_want;

INSERT INTO import_change (product_id, part, action)
SELECT i.product_id, 'options',
       CASE WHEN i.is_new THEN 'created' ELSE 'updated' END
  FROM import_option i
  LEFT JOIN product_options o ON o.id = i.id
 WHERE i.is_new OR i.renamed OR o.position <> i.n
 UNION ALL
SELECT product_id, 'options', 'removed' FROM import_option_gone;

INSERT INTO import_change (product_id, part, action)
SELECT i.product_id, 'values',
       CASE WHEN i.is_new THEN 'created' ELSE 'updated' END
  FROM import_value i
  LEFT JOIN option_values v ON v.id = i.id
 WHERE i.is_new OR v.position <> i.position
 UNION ALL
SELECT product_id, 'values', 'removed' FROM import_value_gone;

INSERT INTO import_change (product_id, part, action)
SELECT i.product_id, 'images',
       CASE WHEN i.is_new THEN 'created' ELSE 'updated' END
  FROM import_image i
  LEFT JOIN media m ON m.id = i.id
 WHERE i.is_new OR (m.alt, m.position) <> (i.alt, i.position)
 UNION ALL
SELECT product_id, 'images', 'removed' FROM import_image_gone;

INSERT INTO import_change (product_id, part, action)
SELECT product_id, 'variants',
       CASE WHEN is_new THEN 'created' ELSE 'updated' END
  FROM import_variant_want
 WHERE is_new OR differs
 UNION ALL
SELECT product_id, 'variants', 'archived'
  FROM import_variant_gone WHERE status = 'active';

INSERT INTO import_change (product_id, part, action)
SELECT product_id, 'prices',
       CASE WHEN price_id IS NULL THEN 'created' ELSE 'updated' END
  FROM import_price;

INSERT INTO import_changed (n, product_id)
SELECT row_number() OVER (ORDER BY product_id), product_id
  FROM (SELECT DISTINCT product_id FROM import_change) c;

ANALYZE import_change, import_changed;
