-- sql_products_by_position(channel uuid, locale text, fallback text,
--     currency text, under uuid, tag text, vendor text, after_position text,
--     after_id text, limit int) many struct product_card
-- An index range of listing_products; further filters are met on the way.
SELECT p.id, coalesce(s.slug, sf.slug) AS slug,
       coalesce(t.title, tf.title, p.handle) AS title, p.vendor,
       pp.min_amount AS price_amount,
       CASE WHEN pp.min_amount IS NOT NULL THEN :currency END
           AS price_currency,
       (SELECT m.url FROM media m WHERE m.product_id = p.id
         ORDER BY m.position, m.id LIMIT 1) AS image,
       l.in_stock, ARRAY[l.position, p.id::text] AS page_key
  FROM listing_products l
  JOIN products p ON p.id = l.product_id
  LEFT JOIN product_i18n t ON t.product_id = p.id AND t.locale = :locale
  LEFT JOIN product_i18n tf ON tf.product_id = p.id AND tf.locale = :fallback
  LEFT JOIN slugs s ON s.kind = 'product' AND s.owner_id = p.id
       AND s.locale = :locale AND s.channel_id = l.channel_id
  LEFT JOIN slugs sf ON sf.kind = 'product' AND sf.owner_id = p.id
       AND sf.locale = :fallback AND sf.channel_id = l.channel_id
  LEFT JOIN product_prices pp ON pp.product_id = p.id
       AND pp.channel_id = l.channel_id AND pp.currency = :currency
       AND shop_now() >= pp.from_at AND shop_now() < pp.until_at
 WHERE l.channel_id = :channel
   AND l.scope = coalesce(:under::uuid, listing_scope('tag', :tag),
                          listing_scope('vendor', :vendor),
                          listing_scope('all', ''))
   AND (:tag::text IS NULL OR p.tags @> ARRAY[:tag::text])
   AND (:vendor::text IS NULL OR p.vendor = :vendor)
   AND (l.position, l.product_id) > (:after_position, :after_id::uuid)
 ORDER BY l.position, l.product_id
 LIMIT :limit;

-- sql_products_by_newest(channel uuid, locale text, fallback text, currency
--     text, under uuid, tag text, vendor text, after_at text, after_id text,
--     limit int) many struct product_card
-- The same, read backwards by the time of publication.
SELECT p.id, coalesce(s.slug, sf.slug) AS slug,
       coalesce(t.title, tf.title, p.handle) AS title, p.vendor,
       pp.min_amount AS price_amount,
       CASE WHEN pp.min_amount IS NOT NULL THEN :currency END
           AS price_currency,
       (SELECT m.url FROM media m WHERE m.product_id = p.id
         ORDER BY m.position, m.id LIMIT 1) AS image,
       l.in_stock, ARRAY[l.published_at::text, p.id::text] AS page_key
  FROM listing_products l
  JOIN products p ON p.id = l.product_id
  LEFT JOIN product_i18n t ON t.product_id = p.id AND t.locale = :locale
  LEFT JOIN product_i18n tf ON tf.product_id = p.id AND tf.locale = :fallback
  LEFT JOIN slugs s ON s.kind = 'product' AND s.owner_id = p.id
       AND s.locale = :locale AND s.channel_id = l.channel_id
  LEFT JOIN slugs sf ON sf.kind = 'product' AND sf.owner_id = p.id
       AND sf.locale = :fallback AND sf.channel_id = l.channel_id
  LEFT JOIN product_prices pp ON pp.product_id = p.id
       AND pp.channel_id = l.channel_id AND pp.currency = :currency
       AND shop_now() >= pp.from_at AND shop_now() < pp.until_at
 WHERE l.channel_id = :channel
   AND l.scope = coalesce(:under::uuid, listing_scope('tag', :tag),
                          listing_scope('vendor', :vendor),
                          listing_scope('all', ''))
   AND (:tag::text IS NULL OR p.tags @> ARRAY[:tag::text])
   AND (:vendor::text IS NULL OR p.vendor = :vendor)
   AND (l.published_at, l.product_id)
       < (:after_at::timestamptz, :after_id::uuid)
 ORDER BY l.published_at DESC, l.product_id DESC
 LIMIT :limit;

-- sql_product_by_slug(slug text, channel uuid, locale text, fallback text)
--     maybe struct product_ref
-- A slug of any language; an old one tells where the product is now.
(SELECT owner_id AS id, NULL AS moved_to
   FROM slugs
  WHERE kind = 'product' AND channel_id = :channel AND slug = :slug
  ORDER BY locale = :locale DESC LIMIT 1)
UNION ALL
(SELECT r.owner_id, s.slug
   FROM redirects r
   JOIN slugs s ON s.kind = r.kind AND s.owner_id = r.owner_id
        AND s.channel_id = r.channel_id
  WHERE r.kind = 'product' AND r.channel_id = :channel
    AND r.from_slug = :slug
  ORDER BY s.locale = :locale DESC, s.locale = :fallback DESC LIMIT 1)
LIMIT 1;

-- sql_product(id uuid, channel uuid, locale text, fallback text) maybe
--     struct product
-- Active products only: drafts and archived ones are not the public's.
SELECT p.id, coalesce(s.slug, sf.slug) AS slug,
       CASE WHEN t.product_id IS NULL THEN :fallback ELSE :locale END
           AS locale,
       coalesce(t.title, tf.title, p.handle) AS title,
       coalesce(t.description, tf.description, '') AS description,
       coalesce(t.seo_title, tf.seo_title, '') AS seo_title,
       coalesce(t.seo_description, tf.seo_description, '') AS seo_description,
       p.vendor, p.type, p.tags, p.published_at
  FROM products p
  LEFT JOIN product_i18n t ON t.product_id = p.id AND t.locale = :locale
  LEFT JOIN product_i18n tf ON tf.product_id = p.id AND tf.locale = :fallback
  LEFT JOIN slugs s ON s.kind = 'product' AND s.owner_id = p.id
       AND s.locale = :locale AND s.channel_id = :channel
  LEFT JOIN slugs sf ON sf.kind = 'product' AND sf.owner_id = p.id
       AND sf.locale = :fallback AND sf.channel_id = :channel
 WHERE p.id = :id AND p.status = 'active';

-- sql_variants(owner uuid, channel uuid, locale text, currency text) many
--     struct variant
-- The price that wins is of the highest rank, then priority, then newest.
SELECT v.id, v.sku, v.in_stock,
       ARRAY(SELECT coalesce(oi.name, o.name) || ': '
                    || coalesce(vi.value, ov.value)
               FROM unnest(v.option_value_ids) WITH ORDINALITY x (id, n)
               JOIN option_values ov ON ov.id = x.id
               JOIN product_options o ON o.id = ov.option_id
               LEFT JOIN product_option_i18n oi
                    ON oi.option_id = o.id AND oi.locale = :locale
               LEFT JOIN option_value_i18n vi
                    ON vi.value_id = ov.id AND vi.locale = :locale
              ORDER BY o.position, x.n) AS options,
       c.amount AS price_amount, c.currency AS price_currency, c.compare_at,
       c.price_list_code AS price_source
  FROM variants v
  LEFT JOIN LATERAL (
       SELECT * FROM price_candidates pc
        WHERE pc.variant_id = v.id AND pc.currency = :currency
          AND pc.min_quantity = 1 AND pc.valid @> shop_now()
          AND (pc.channel_id IS NULL OR pc.channel_id = :channel)
        ORDER BY pc.rank DESC, pc.priority DESC, pc.created_at DESC, pc.id
        LIMIT 1) c ON true
 WHERE v.product_id = :owner AND v.status = 'active'
 ORDER BY v.position, v.id;

-- sql_media(owner uuid) many struct media
-- In the order that the merchant gave them.
SELECT id, url, alt FROM media
 WHERE product_id = :owner
 ORDER BY position, id;

-- sql_breadcrumb(owner uuid, channel uuid, locale text, fallback text) many
--     struct category
-- The path of its first category, from the root down.
SELECT c.id, c.parent_id, coalesce(s.slug, sf.slug) AS slug,
       coalesce(t.name, tf.name, c.handle) AS name
  FROM (SELECT k.path
          FROM product_categories pc
          JOIN categories k ON k.id = pc.category_id
         WHERE pc.product_id = :owner AND k.status = 'active'
         ORDER BY cardinality(k.path) DESC, k.id LIMIT 1) deepest
  JOIN LATERAL unnest(deepest.path) WITH ORDINALITY x (id, n) ON true
  JOIN categories c ON c.id = x.id
  LEFT JOIN category_i18n t ON t.category_id = c.id AND t.locale = :locale
  LEFT JOIN category_i18n tf ON tf.category_id = c.id
       AND tf.locale = :fallback
  LEFT JOIN slugs s ON s.kind = 'category' AND s.owner_id = c.id
       AND s.locale = :locale AND s.channel_id = :channel
  LEFT JOIN slugs sf ON sf.kind = 'category' AND sf.owner_id = c.id
       AND sf.locale = :fallback AND sf.channel_id = :channel
 ORDER BY x.n;

-- sql_categories(channel uuid, locale text, fallback text) many struct category
-- The whole tree, parents before children; 1,000 categories at most.
SELECT c.id, c.parent_id, coalesce(s.slug, sf.slug) AS slug,
       coalesce(t.name, tf.name, c.handle) AS name
  FROM categories c
  LEFT JOIN category_i18n t ON t.category_id = c.id AND t.locale = :locale
  LEFT JOIN category_i18n tf ON tf.category_id = c.id
       AND tf.locale = :fallback
  LEFT JOIN slugs s ON s.kind = 'category' AND s.owner_id = c.id
       AND s.locale = :locale AND s.channel_id = :channel
  LEFT JOIN slugs sf ON sf.kind = 'category' AND sf.owner_id = c.id
       AND sf.locale = :fallback AND sf.channel_id = :channel
 WHERE c.status = 'active'
 ORDER BY cardinality(c.path), c.position, c.id
 LIMIT 1000;
