-- import_apply.sql - do what was planned. Nothing is written that does not
-- differ.
--
-- The lists are brought up to date at the end, once for each product that
-- changed (import_changed), and not by the triggers of each statement.

-- sql_import_apply_start
SET LOCAL shop.listing = 'manual';

-- New products go to the end of the lists, in the order of the file: the next
-- four digits (base 62) after the last position that there is.
INSERT INTO products (id, handle, status, vendor, type, tags, position,
                      published_at, archived_at)
SELECT w.id, w.handle, w.status, w.vendor, w.type, w.tags,
       substr(d.digits, (w.n / 238328 % 62 + 1)::integer, 1)
       || substr(d.digits, (w.n / 3844 % 62 + 1)::integer, 1)
       || substr(d.digits, (w.n / 62 % 62 + 1)::integer, 1)
       || substr(d.digits, (w.n % 62 + 1)::integer, 1),
       CASE WHEN w.status = 'active' THEN shop_now() END,
       CASE WHEN w.status = 'archived' THEN shop_now() END
  FROM (VALUES ('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'
                || 'abcdefghijklmnopqrstuvwxyz')) d (digits)
 CROSS JOIN LATERAL (
       SELECT coalesce(sum((strpos(d.digits,
                                   substr(last.position, i, 1)) - 1)
                           * 62 ^ (4 - i)), 31 * 238328)::bigint AS n
         FROM (SELECT max(nullif(position, '')) AS position
                 FROM products) last
        CROSS JOIN generate_series(1, 4) i
        WHERE last.position IS NOT NULL) last
 CROSS JOIN LATERAL (
       SELECT x.*, last.n + row_number() OVER (ORDER BY x.line) AS n
         FROM import_product_want x WHERE x.is_new) w
 ORDER BY w.line;

-- sql_import_apply_texts
INSERT INTO product_i18n (product_id, locale, title, description, seo_title,
                          seo_description)
SELECT id, locale, title, description, seo_title, seo_description
  FROM import_text_want WHERE missing
 ORDER BY line;

UPDATE product_i18n t
   SET title = w.title, description = w.description, seo_title = w.seo_title,
       seo_description = w.seo_description
  FROM import_text_want w
 WHERE w.differs AND t.product_id = w.id AND t.locale = w.locale;

INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', id, locale, channel_id, slug FROM import_slug_want
 ORDER BY line;

-- sql_import_apply_options
INSERT INTO product_options (id, product_id, position, name)
SELECT id, product_id, n, name FROM import_option WHERE is_new;

UPDATE product_options o
   SET position = i.n,
       name = CASE WHEN i.renamed THEN i.name ELSE o.name END
  FROM import_option i
 WHERE o.id = i.id AND (o.position <> i.n OR i.renamed);

INSERT INTO option_values (id, option_id, product_id, position, value)
SELECT id, option_id, product_id, position, value FROM import_value
 WHERE is_new;

UPDATE option_values v SET position = i.position
  FROM import_value i
 WHERE v.id = i.id AND v.position <> i.position;

-- sql_import_apply_images
INSERT INTO media (id, product_id, url, alt, position)
SELECT id, product_id, url, alt, position FROM import_image WHERE is_new;

UPDATE media m SET alt = i.alt, position = i.position
  FROM import_image i
 WHERE m.id = i.id AND (m.alt, m.position) <> (i.alt, i.position);

-- sql_import_apply_variants
UPDATE variants v
   SET status = 'archived', version = v.version + 1, updated_at = shop_now()
  FROM import_variant_gone g
 WHERE v.id = g.id AND v.status = 'active';

-- A SKU that moves to another variant of the file is let go of before it is
-- taken. One that somebody else was given meanwhile is his: what was planned
-- cannot be done then, and is planned anew.
UPDATE variants v SET sku = NULL
  FROM import_variant_want w
 WHERE v.sku = w.sku AND v.id <> w.id
   AND EXISTS (SELECT FROM import_product p
                WHERE p.id = v.product_id AND p.has_parts);

UPDATE variants v
   SET sku = w.sku, barcode = w.barcode, status = 'active',
       position = w.position, option_value_ids = w.value_ids,
       media_id = w.media_id, weight_grams = w.weight_grams,
       taxable = w.taxable, requires_shipping = w.requires_shipping,
       in_stock = w.in_stock, version = v.version + 1,
       updated_at = shop_now()
  FROM import_variant_want w
 WHERE w.differs AND v.id = w.id;

INSERT INTO variants (id, product_id, sku, barcode, position,
                      option_value_ids, media_id, weight_grams, taxable,
                      requires_shipping, in_stock)
SELECT id, product_id, sku, barcode, position, value_ids, media_id,
       weight_grams, taxable, requires_shipping, in_stock
  FROM import_variant_want WHERE is_new
 ORDER BY line;

-- sql_import_apply_rest
DELETE FROM media WHERE id IN (SELECT id FROM import_image_gone);

DELETE FROM option_values WHERE id IN (SELECT id FROM import_value_gone);

DELETE FROM product_options WHERE id IN (SELECT id FROM import_option_gone);

-- sql_import_apply_prices
-- One that began at this very moment would have held for no time.
UPDATE prices p
   SET amount = i.amount, compare_at = i.compare_at, version = p.version + 1,
       updated_at = shop_now()
  FROM import_price i
 WHERE p.id = i.price_id AND i.in_place;

UPDATE prices p
   SET valid = tstzrange(lower(p.valid), shop_now()),
       version = p.version + 1, updated_at = shop_now()
  FROM import_price i
 WHERE p.id = i.price_id AND NOT i.in_place;

INSERT INTO prices (price_list_id, variant_id, currency, amount, compare_at,
                    valid)
SELECT n.price_list_id, i.variant_id, n.currency, i.amount, i.compare_at,
       tstzrange(i.from_at, i.until_at)
  FROM import_price i
 CROSS JOIN import_run n
 WHERE NOT i.in_place;

-- sql_import_apply_events
-- What the API says of each of them, in the order of the file, and once for
-- all that is changed of a product; before the products change, to tell which
-- of them are archived now and were not, or the other way round.
INSERT INTO outbox (type, subject, payload)
SELECT CASE WHEN w.is_new THEN 'product.created'
            WHEN w.texts_only OR (p.status = 'archived')
                 = (w.status = 'archived') THEN 'product.updated'
            WHEN w.status = 'archived' THEN 'product.archived'
            ELSE 'product.restored' END,
       pg_temp.import_shown_id('prod', w.id),
       jsonb_build_object('status', CASE WHEN w.texts_only THEN p.status
                                         ELSE w.status END)
  FROM import_product_want w
  JOIN products p ON p.id = w.id
  JOIN import_changed c ON c.product_id = w.id
 ORDER BY w.line;

-- sql_import_apply_end
-- The version of a product counts the changes of its parts too.
UPDATE products p
   SET status = CASE WHEN w.texts_only THEN p.status ELSE w.status END,
       vendor = CASE WHEN w.texts_only THEN p.vendor ELSE w.vendor END,
       type = CASE WHEN w.texts_only THEN p.type ELSE w.type END,
       tags = CASE WHEN w.texts_only THEN p.tags ELSE w.tags END,
       published_at = CASE WHEN w.status = 'active' AND NOT w.texts_only
                           THEN coalesce(p.published_at, shop_now())
                           ELSE p.published_at END,
       archived_at = CASE WHEN w.texts_only THEN p.archived_at
                          WHEN w.status = 'archived'
                          THEN coalesce(p.archived_at, shop_now()) END,
       version = p.version + 1, updated_at = shop_now()
  FROM import_product_want w
  JOIN import_changed c ON c.product_id = w.id
 WHERE p.id = w.id AND NOT w.is_new;
