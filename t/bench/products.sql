-- products.sql - the shop that is measured: :n products in 20 categories
-- below 4, each with three variants, three pictures, texts in two languages
-- and prices in three currencies.
--
-- Ids count up: pgbench has no texts, so it names a product by a number that
-- the statement completes to an id.  A product and its first variant have the
-- same number.

CREATE FUNCTION pg_temp.id(kind int, n bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
    SELECT ('01900000-0000-7000-' || (8000 + kind) || '-'
            || lpad((1000000 + n)::text, 12, '0'))::uuid
$$;

BEGIN;

INSERT INTO categories (id, parent_id, path, handle, position)
SELECT pg_temp.id(2, c), NULL, '{}', 'range-' || c, lpad(c::text, 4, '0')
  FROM generate_series(1, 4) c;
INSERT INTO categories (id, parent_id, path, handle, position)
SELECT pg_temp.id(2, c), pg_temp.id(2, 1 + (c - 5) / 5), '{}', 'shelf-' || c,
       lpad(c::text, 4, '0')
  FROM generate_series(5, 24) c;
INSERT INTO category_i18n (category_id, locale, name)
SELECT c.id, l.locale, initcap(c.handle) || ' ' || l.locale
  FROM categories c, (VALUES ('en'), ('tr')) l (locale);
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'category', c.id, l.locale, ch.id, c.handle || '-' || l.locale
  FROM categories c, channels ch, (VALUES ('en'), ('tr')) l (locale)
 WHERE ch.is_default;

INSERT INTO products (id, handle, status, vendor, type, tags, position,
                      published_at)
SELECT pg_temp.id(0, n), 'measured-' || n, 'active',
       'Workshop ' || 1 + n / 20 % 2, 'Vessel',
       ARRAY['clay', 'glaze-' || n % 7], lpad(n::text, 8, '0'),
       timestamptz '2026-01-01' + n * interval '1 minute'
  FROM generate_series(1, :n) n;
INSERT INTO product_i18n (product_id, locale, title, description, seo_title)
SELECT p.id, l.locale, l.word || ' ' || p.handle,
       '<p>' || repeat(l.word || ' turned by hand, fired twice. ', 8)
       || '</p>', l.word || ' ' || p.handle
  FROM products p, (VALUES ('en', 'Vessel'), ('tr', 'Kap')) l (locale, word);
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, l.locale, c.id, p.handle || '-' || l.locale
  FROM products p, channels c, (VALUES ('en'), ('tr')) l (locale)
 WHERE c.is_default;
INSERT INTO product_categories (product_id, category_id)
SELECT pg_temp.id(0, n), pg_temp.id(2, 5 + n % 20)
  FROM generate_series(1, :n) n;
INSERT INTO media (id, product_id, url, alt, position)
SELECT pg_temp.id(3, n * 10 + k), pg_temp.id(0, n),
       '/media/measured-' || n || '-' || k || '.jpg', 'View ' || k, k
  FROM generate_series(1, :n) n, generate_series(1, 3) k;

INSERT INTO product_options (id, product_id, name)
SELECT pg_temp.id(4, n), pg_temp.id(0, n), 'Size'
  FROM generate_series(1, :n) n;
INSERT INTO option_values (id, option_id, product_id, position, value)
SELECT pg_temp.id(5, n * 10 + k), pg_temp.id(4, n), pg_temp.id(0, n), k,
       (ARRAY['Small', 'Medium', 'Large'])[k]
  FROM generate_series(1, :n) n, generate_series(1, 3) k;
INSERT INTO variants (id, product_id, sku, position, option_value_ids)
SELECT pg_temp.id(1, n + (k - 1) * 100000), pg_temp.id(0, n),
       'MEASURED-' || n || '-' || k, k, ARRAY[pg_temp.id(5, n * 10 + k)]
  FROM generate_series(1, :n) n, generate_series(1, 3) k;
INSERT INTO prices (variant_id, currency, amount, compare_at)
SELECT v.id, c.currency, c.factor * (100 + v.position), c.factor * 120
  FROM variants v,
       (VALUES ('TRY', 40), ('EUR', 1), ('USD', 1)) c (currency, factor);

COMMIT;
