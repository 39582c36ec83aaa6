-- demo.sql - the demo shop: things for house and table, in English and
-- Turkish, with prices in lira, euro and dollar. A second run changes nothing.

BEGIN;

CREATE TEMP TABLE demo_category (handle, parent, en, tr) ON COMMIT DROP AS
VALUES
    ('home',     NULL,   'Home',          'Ev'),
    ('kitchen',  'home', 'Kitchen',       'Mutfak'),
    ('coffee',   'kitchen', 'Coffee',     'Kahve'),
    ('pottery',  'kitchen', 'Pottery',    'Çömlek'),
    ('lighting', 'home', 'Lighting',      'Aydınlatma'),
    ('textiles', 'home', 'Textiles',      'Tekstil'),
    ('books',    NULL,   'Books',         'Kitaplar');

CREATE TEMP TABLE demo_product
    (handle, category, en, tr, vendor, motif, lira, options)
    ON COMMIT DROP AS
VALUES
    ('copper-coffee-pot', 'coffee', 'Copper Coffee Pot', 'Bakır Cezve',
     'Bakırcı Usta', 'pot', 64900, '{Small,Medium,Large}'::text[]),
    ('coffee-cup-set', 'coffee', 'Coffee Cup Set', 'Kahve Fincanı Takımı',
     'Çini Evi', 'cup', 89900, '{Blue,Red}'),
    ('hand-mill', 'coffee', 'Brass Hand Mill', 'Pirinç El Değirmeni',
     'Bakırcı Usta', 'pot', 119900, '{}'),
    ('tea-glass-set', 'coffee', 'Tea Glass Set', 'Çay Bardağı Takımı',
     'Çini Evi', 'cup', 39900, '{}'),
    ('clay-casserole', 'pottery', 'Clay Casserole', 'Toprak Güveç',
     'Avanos Atölyesi', 'pot', 45900, '{Small,Large}'),
    ('olive-jar', 'pottery', 'Olive Jar', 'Zeytin Küpü',
     'Avanos Atölyesi', 'pot', 52900, '{}'),
    ('glazed-bowl', 'pottery', 'Glazed Bowl', 'Sırlı Kase',
     'Avanos Atölyesi', 'cup', 18900, '{Turquoise,Cobalt,White}'),
    ('yogurt-crock', 'pottery', 'Yogurt Crock', 'Yoğurt Kabı',
     'Avanos Atölyesi', 'pot', 24900, '{}'),
    ('mosaic-lamp', 'lighting', 'Mosaic Lamp', 'Mozaik Lamba',
     'Işık Sokağı', 'lamp', 149900, '{Table,Floor}'),
    ('paper-lantern', 'lighting', 'Paper Lantern', 'Kağıt Fener',
     'Işık Sokağı', 'lamp', 21900, '{}'),
    ('brass-candlestick', 'lighting', 'Brass Candlestick', 'Pirinç Şamdan',
     'Bakırcı Usta', 'lamp', 57900, '{}'),
    ('peshtemal', 'textiles', 'Cotton Peshtemal', 'Pamuklu Peştemal',
     'Dokuma', 'cloth', 32900, '{Indigo,Sand,Olive}'),
    ('linen-tablecloth', 'textiles', 'Linen Tablecloth', 'Keten Masa Örtüsü',
     'Dokuma', 'cloth', 79900, '{150 cm,200 cm}'),
    ('wool-blanket', 'textiles', 'Wool Blanket', 'Yün Battaniye',
     'Dokuma', 'cloth', 189900, '{}'),
    ('kilim-cushion', 'textiles', 'Kilim Cushion', 'Kilim Yastık',
     'Dokuma', 'cloth', 42900, '{}'),
    ('anatolian-kitchen', 'books', 'The Anatolian Kitchen',
     'Anadolu Mutfağı', 'Kıyı Yayınları', 'book', 38900, '{}'),
    ('notes-from-the-coast', 'books', 'Notes from the Coast',
     'Kıyıdan Notlar', 'Kıyı Yayınları', 'book', 22900, '{}'),
    ('pattern-book', 'books', 'A Book of Tile Patterns',
     'Çini Desenleri Kitabı', 'Kıyı Yayınları', 'book', 61900, '{}');

-- Ids made of the handles, so that a second run meets the same rows.
CREATE FUNCTION pg_temp.id(text, text DEFAULT '') RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('demo:' || $1 || ':' || $2)::uuid $$;

CREATE FUNCTION pg_temp.slug(text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT trim(BOTH '-' FROM regexp_replace(
        translate(lower(translate($1, 'ÇĞİÖŞÜ', 'cgiosu')),
                  'çğıöşü', 'cgiosu'), '[^a-z0-9]+', '-', 'g'))
$$;

INSERT INTO categories (id, parent_id, path, handle)
SELECT pg_temp.id(handle), pg_temp.id(parent), '{}', handle
  FROM demo_category WHERE parent IS NULL
ON CONFLICT DO NOTHING;
INSERT INTO categories (id, parent_id, path, handle)
SELECT pg_temp.id(handle), pg_temp.id(parent), '{}', handle
  FROM demo_category WHERE parent = 'home'
ON CONFLICT DO NOTHING;
INSERT INTO categories (id, parent_id, path, handle)
SELECT pg_temp.id(handle), pg_temp.id(parent), '{}', handle
  FROM demo_category WHERE parent = 'kitchen'
ON CONFLICT DO NOTHING;

INSERT INTO category_i18n (category_id, locale, name)
SELECT pg_temp.id(handle), 'en', en FROM demo_category
UNION ALL SELECT pg_temp.id(handle), 'tr', tr FROM demo_category
ON CONFLICT DO NOTHING;
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'category', pg_temp.id(d.handle), l.locale, c.id,
       pg_temp.slug(CASE l.locale WHEN 'en' THEN d.en ELSE d.tr END)
  FROM demo_category d, channels c, (VALUES ('en'), ('tr')) l (locale)
 WHERE c.is_default
ON CONFLICT DO NOTHING;

INSERT INTO products (id, handle, status, vendor, type, tags, published_at)
SELECT pg_temp.id(handle), handle, 'active', vendor, category,
       ARRAY[category], timestamptz '2026-09-01'
       + interval '1 hour' * row_number() OVER (ORDER BY handle)
  FROM demo_product
ON CONFLICT DO NOTHING;
INSERT INTO product_i18n (product_id, locale, title, description)
SELECT pg_temp.id(handle), 'en', en, '<p>' || en || ', by ' || vendor
       || '.</p>' FROM demo_product
UNION ALL
SELECT pg_temp.id(handle), 'tr', tr, '<p>' || vendor || ': ' || tr
       || '.</p>' FROM demo_product
ON CONFLICT DO NOTHING;
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', pg_temp.id(d.handle), l.locale, c.id,
       CASE l.locale WHEN 'en' THEN d.handle ELSE pg_temp.slug(d.tr) END
  FROM demo_product d, channels c, (VALUES ('en'), ('tr')) l (locale)
 WHERE c.is_default
ON CONFLICT DO NOTHING;
INSERT INTO product_categories (product_id, category_id)
SELECT pg_temp.id(handle), pg_temp.id(category) FROM demo_product
ON CONFLICT DO NOTHING;
INSERT INTO media (id, product_id, url, alt)
SELECT pg_temp.id(handle, 'media'), pg_temp.id(handle),
       '/media/' || motif || '.svg', en
  FROM demo_product
ON CONFLICT DO NOTHING;

INSERT INTO product_options (id, product_id, name)
SELECT pg_temp.id(handle, 'option'), pg_temp.id(handle), 'Kind'
  FROM demo_product WHERE cardinality(options) > 0
ON CONFLICT DO NOTHING;
INSERT INTO product_option_i18n (option_id, locale, name)
SELECT pg_temp.id(handle, 'option'), 'tr', 'Çeşit'
  FROM demo_product WHERE cardinality(options) > 0
ON CONFLICT DO NOTHING;
INSERT INTO option_values (id, option_id, product_id, position, value)
SELECT pg_temp.id(handle, v), pg_temp.id(handle, 'option'),
       pg_temp.id(handle), n, v
  FROM demo_product, unnest(options) WITH ORDINALITY x (v, n)
ON CONFLICT DO NOTHING;

INSERT INTO variants (id, product_id, sku, position, option_value_ids)
SELECT pg_temp.id(handle, v || ':variant'), pg_temp.id(handle),
       upper(handle) || coalesce('-' || n, ''), coalesce(n, 1),
       CASE WHEN v IS NULL THEN '{}' ELSE ARRAY[pg_temp.id(handle, v)] END
  FROM demo_product
  LEFT JOIN LATERAL unnest(options) WITH ORDINALITY x (v, n) ON true
 WHERE cardinality(options) > 0
ON CONFLICT DO NOTHING;
INSERT INTO variants (id, product_id, sku)
SELECT pg_temp.id(handle, 'only:variant'), pg_temp.id(handle), upper(handle)
  FROM demo_product WHERE cardinality(options) = 0
ON CONFLICT DO NOTHING;

-- Every further variant costs a fifth more; books are reduced.
INSERT INTO prices (id, variant_id, currency, amount, compare_at)
SELECT pg_temp.id(v.id::text, c.currency), v.id, c.currency, x.amount,
       CASE d.category WHEN 'books' THEN x.amount * 5 / 4 END
  FROM demo_product d
  JOIN variants v ON v.product_id = pg_temp.id(d.handle)
  CROSS JOIN (VALUES ('TRY', 1.0), ('EUR', 0.021), ('USD', 0.024))
       c (currency, rate)
  CROSS JOIN LATERAL (SELECT round(d.lira * c.rate
                                   * (1 + (v.position - 1) * 0.2))::bigint)
       x (amount)
ON CONFLICT DO NOTHING;

COMMIT;
