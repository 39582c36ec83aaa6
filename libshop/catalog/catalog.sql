-- sql_products(struct product_search) many struct product_card
-- One range of the index that has the order; what a card shows beside is
-- looked up for the rows of the page.  The inner limit is a constant above
-- every page's, since a generic plan knows no parameters.  OFFSET 0 keeps
-- further filters what they are: one look each by key, in the order's way.
SELECT p.id, coalesce(s.slug, sf.slug) AS slug,
       coalesce(t.title, tf.title, p.handle) AS title, p.vendor,
       pp.min_amount AS price_amount,
       CASE WHEN pp.min_amount IS NOT NULL THEN :currency END
           AS price_currency,
       (SELECT m.url FROM media m WHERE m.product_id = p.id
         ORDER BY m.position, m.id LIMIT 1) AS image,
       l.in_stock, ARRAY[l.key::text, p.id::text]::text AS page_key
  FROM (SELECT l.*
          FROM (
--? by=position
               SELECT product_id, channel_id, scope, in_stock,
                      position AS key
                 FROM listing_products
--.
--? by=newest
               SELECT product_id, channel_id, scope, in_stock,
                      published_at AS key
                 FROM listing_products
--.
--? by=prices
               SELECT product_id, channel_id, scope,
                      (SELECT in_stock FROM listing_products p
                        WHERE p.product_id = lp.product_id
                          AND p.channel_id = lp.channel_id
                          AND p.scope = lp.scope) AS in_stock,
                      min_amount AS key
                 FROM listing_prices lp
                WHERE currency = :currency
                  AND shop_now() >= from_at AND shop_now() < until_at
--.
--? by=titles
               SELECT product_id, channel_id, scope,
                      (SELECT in_stock FROM listing_products p
                        WHERE p.product_id = lt.product_id
                          AND p.channel_id = lt.channel_id
                          AND p.scope = lt.scope) AS in_stock,
                      title AS key
                 FROM listing_titles lt
                WHERE locale = :locale
--.
               ) l
         WHERE l.channel_id = :channel
--? under
           AND l.scope = :under
--.
--? !under
           AND l.scope = listing_scope(:scope, :scope_key)
--.
--? and_tag
           AND EXISTS (SELECT FROM listing_products f
                        WHERE f.product_id = l.product_id
                          AND f.channel_id = l.channel_id
                          AND f.scope = listing_scope('tag', :and_tag)
                       OFFSET 0)
--.
--? and_vendor
           AND EXISTS (SELECT FROM listing_products f
                        WHERE f.product_id = l.product_id
                          AND f.channel_id = l.channel_id
                          AND f.scope = listing_scope('vendor', :and_vendor)
                       OFFSET 0)
--.
--? available
           AND l.in_stock = (:available = 'true')
--.
--? by=prices price_min
           AND l.key >= :price_min
--.
--? by=prices price_max
           AND l.key <= :price_max
--.
--? and_price
           AND EXISTS (SELECT FROM product_prices f
                        WHERE f.product_id = l.product_id
                          AND f.channel_id = l.channel_id
                          AND f.currency = :currency
                          AND shop_now() >= f.from_at
                          AND shop_now() < f.until_at
                          AND f.min_amount
                              BETWEEN coalesce(:price_min::bigint, 0)
                                  AND coalesce(:price_max, 9007199254740991)
                       OFFSET 0)
--.
--? by=position after_id
           AND (l.key, l.product_id) > (:after, :after_id::uuid)
--.
--? by=titles after_id
           AND (l.key, l.product_id) > (:after, :after_id::uuid)
--.
--? by=newest after_id
           AND (l.key, l.product_id) < (:after::timestamptz, :after_id::uuid)
--.
--? by=prices !down after_id
           AND (l.key, l.product_id) > (:after::bigint, :after_id::uuid)
--.
--? by=prices down after_id
           AND (l.key, l.product_id) < (:after::bigint, :after_id::uuid)
--.
--? !down
         ORDER BY l.key, l.product_id LIMIT 101) l
--.
--? down
         ORDER BY l.key DESC, l.product_id DESC LIMIT 101) l
--.
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
--? !down
 ORDER BY l.key, l.product_id
--.
--? down
 ORDER BY l.key DESC, l.product_id DESC
--.
 LIMIT :limit;

-- sql_prices_until() maybe struct price_term
-- How long answers with prices are good: until any price changes by itself.
-- prices_next_change() written out: a function with queries of its own is
-- planned anew at each call, which took six times as long as all of this.
SELECT floor(extract(epoch FROM
           least((SELECT min(from_at) FROM product_prices
                   WHERE from_at > shop_now() AND from_at > '-infinity'),
                 (SELECT min(until_at) FROM product_prices
                   WHERE until_at > shop_now() AND until_at < 'infinity'))
           - shop_now()))::bigint AS seconds;

-- sql_by_slug(kind text, slug text, channel uuid, locale text, fallback text)
--     maybe struct slug_ref
-- A slug of any language; an old one tells where its thing is now.
(SELECT owner_id AS id, NULL AS moved_to
   FROM slugs
  WHERE kind = :kind AND channel_id = :channel AND slug = :slug
  ORDER BY locale = :locale DESC LIMIT 1)
UNION ALL
(SELECT r.owner_id, s.slug
   FROM redirects r
   JOIN slugs s ON s.kind = r.kind AND s.owner_id = r.owner_id
        AND s.channel_id = r.channel_id
  WHERE r.kind = :kind AND r.channel_id = :channel
    AND r.from_slug = :slug
  ORDER BY s.locale = :locale DESC, s.locale = :fallback DESC LIMIT 1)
LIMIT 1;

-- sql_product(id uuid, channel uuid, locale text, fallback text) maybe
--     struct product
-- Drafts are not the public's; of archived ones it learns that they are gone.
SELECT p.id, p.status, coalesce(s.slug, sf.slug) AS slug,
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
 WHERE p.id = :id AND p.status <> 'draft';

-- sql_product_status(id uuid) maybe struct owner_status
-- For answers about a part of a product: is there one to speak of?
SELECT status FROM products WHERE id = :id AND status <> 'draft';

-- sql_options(owner uuid, locale text) many struct product_option
-- Names without a translation are in the language of imports.
SELECT coalesce(oi.name, o.name) AS name,
       ARRAY(SELECT coalesce(vi.value, ov.value)
               FROM option_values ov
               LEFT JOIN option_value_i18n vi
                    ON vi.value_id = ov.id AND vi.locale = :locale
              WHERE ov.option_id = o.id
              ORDER BY ov.position, ov.id) AS values
  FROM product_options o
  LEFT JOIN product_option_i18n oi
       ON oi.option_id = o.id AND oi.locale = :locale
 WHERE o.product_id = :owner
 ORDER BY o.position, o.id;

-- sql_variants(struct variant_filter, owner uuid, channel uuid, locale text,
--     currency text, after text, after_id text, limit int)
--     many struct variant
-- The price for one piece that anybody gets: of the highest rank, then
-- priority, then the newest, then the highest id.  Lists of groups and of
-- customers are for who has said who he is.
SELECT v.id, v.sku, v.media_id, v.in_stock,
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
       c.price_list_code AS price_source,
       ARRAY[v.position::text, v.id::text]::text AS page_key
  FROM variants v
  LEFT JOIN LATERAL (
       SELECT * FROM price_candidates pc
        WHERE pc.variant_id = v.id AND pc.currency = :currency
          AND pc.min_quantity = 1 AND pc.valid @> shop_now()
          AND pc.kind IN ('base', 'sale', 'market')
          AND (pc.channel_id IS NULL OR pc.channel_id = :channel)
          AND (pc.market_id IS NULL
               OR pc.market_id = (SELECT default_market_id FROM channels
                                   WHERE id = :channel))
        ORDER BY pc.rank DESC, pc.priority DESC, pc.created_at DESC,
                 pc.id DESC
        LIMIT 1) c ON true
 WHERE v.product_id = :owner AND v.status = 'active'
--? option1
   AND v.option_value_ids && ARRAY(
       SELECT ov.id
         FROM option_values ov
         LEFT JOIN option_value_i18n vi
              ON vi.value_id = ov.id AND vi.locale = :locale
        WHERE ov.option_id = (ARRAY(SELECT id FROM product_options
                                     WHERE product_id = :owner
                                     ORDER BY position, id))[1]
          AND coalesce(vi.value, ov.value) = :option1)
--.
--? option2
   AND v.option_value_ids && ARRAY(
       SELECT ov.id
         FROM option_values ov
         LEFT JOIN option_value_i18n vi
              ON vi.value_id = ov.id AND vi.locale = :locale
        WHERE ov.option_id = (ARRAY(SELECT id FROM product_options
                                     WHERE product_id = :owner
                                     ORDER BY position, id))[2]
          AND coalesce(vi.value, ov.value) = :option2)
--.
--? option3
   AND v.option_value_ids && ARRAY(
       SELECT ov.id
         FROM option_values ov
         LEFT JOIN option_value_i18n vi
              ON vi.value_id = ov.id AND vi.locale = :locale
        WHERE ov.option_id = (ARRAY(SELECT id FROM product_options
                                     WHERE product_id = :owner
                                     ORDER BY position, id))[3]
          AND coalesce(vi.value, ov.value) = :option3)
--.
--? after_id
   AND (v.position, v.id) > (:after::smallint, :after_id::uuid)
--.
 ORDER BY v.position, v.id
 LIMIT :limit;

-- sql_availability(owner uuid, one uuid) many struct availability
-- Of one variant by its primary key, or of all that the product has.  The
-- product's own row comes even when it has none.
SELECT p.status AS product_status, v.id AS variant_id,
       CASE WHEN v.in_stock THEN 'in_stock' ELSE 'out_of_stock' END
           AS availability
  FROM products p
  LEFT JOIN variants v ON v.product_id = p.id AND v.status = 'active'
--? one
       AND v.id = :one
--.
 WHERE p.id = :owner AND p.status <> 'draft'
 ORDER BY v.position, v.id;

-- sql_matrix_values(owner uuid) many struct matrix_value
-- In the order of showing; an option without values has a row all the same.
SELECT v.id, dense_rank() OVER (ORDER BY o.position, o.id) AS option
  FROM product_options o
  LEFT JOIN option_values v ON v.option_id = o.id
 WHERE o.product_id = :owner
 ORDER BY o.position, o.id, v.position, v.id;

-- sql_matrix_variants(owner uuid) many struct matrix_variant
SELECT in_stock, option_value_ids AS value_ids FROM variants
 WHERE product_id = :owner AND status = 'active';

-- sql_media(owner uuid) many struct media
-- In the order that the merchant gave them.
SELECT id, url, alt FROM media
 WHERE product_id = :owner
 ORDER BY position, id;

-- sql_breadcrumb(owner uuid, at uuid, channel uuid, locale text, fallback text)
--     many struct category
-- From the root down to the category, or to the deepest of the product's.
-- Hidden ones have no page that a step could lead to.
SELECT c.id, c.parent_id, coalesce(s.slug, sf.slug) AS slug,
       coalesce(t.name, tf.name, c.handle) AS name
  FROM (
--? at
       SELECT path FROM categories WHERE id = :at
--.
--? !at
       SELECT k.path
         FROM product_categories pc
         JOIN categories k ON k.id = pc.category_id
        WHERE pc.product_id = :owner AND k.status = 'active'
        ORDER BY cardinality(k.path) DESC, k.id LIMIT 1
--.
       ) deepest
  JOIN LATERAL unnest(deepest.path) WITH ORDINALITY x (id, n) ON true
  JOIN categories c ON c.id = x.id AND c.status = 'active'
  LEFT JOIN category_i18n t ON t.category_id = c.id AND t.locale = :locale
  LEFT JOIN category_i18n tf ON tf.category_id = c.id
       AND tf.locale = :fallback
  LEFT JOIN slugs s ON s.kind = 'category' AND s.owner_id = c.id
       AND s.locale = :locale AND s.channel_id = :channel
  LEFT JOIN slugs sf ON sf.kind = 'category' AND sf.owner_id = c.id
       AND sf.locale = :fallback AND sf.channel_id = :channel
 ORDER BY x.n;

-- sql_alternates(kind text, owner uuid, channel uuid) many struct alternate
-- Where the same thing is in each language that has an address of its own.
SELECT locale, slug FROM slugs
 WHERE kind = :kind AND owner_id = :owner AND channel_id = :channel
 ORDER BY locale;

-- sql_category_detail(id uuid, channel uuid, locale text, fallback text)
--     maybe struct category_detail
-- A hidden category has no page; an archived one is gone.
SELECT c.id, c.parent_id, c.status, coalesce(s.slug, sf.slug) AS slug,
       CASE WHEN t.category_id IS NULL THEN :fallback ELSE :locale END
           AS locale,
       coalesce(t.name, tf.name, c.handle) AS name,
       coalesce(t.description, tf.description, '') AS description,
       coalesce(t.seo_title, tf.seo_title, '') AS seo_title,
       coalesce(t.seo_description, tf.seo_description, '') AS seo_description
  FROM categories c
  LEFT JOIN category_i18n t ON t.category_id = c.id AND t.locale = :locale
  LEFT JOIN category_i18n tf ON tf.category_id = c.id
       AND tf.locale = :fallback
  LEFT JOIN slugs s ON s.kind = 'category' AND s.owner_id = c.id
       AND s.locale = :locale AND s.channel_id = :channel
  LEFT JOIN slugs sf ON sf.kind = 'category' AND sf.owner_id = c.id
       AND sf.locale = :fallback AND sf.channel_id = :channel
 WHERE c.id = :id AND c.status <> 'hidden';

-- sql_categories(parent uuid, channel uuid, locale text, fallback text) many
--     struct category
-- The whole tree, parents before children, or what lies under one; 1,000 at
-- most.
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
--? parent
   AND c.parent_id = :parent
--.
 ORDER BY cardinality(c.path), c.position, c.id
 LIMIT 1000;
