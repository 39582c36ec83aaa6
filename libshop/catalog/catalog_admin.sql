-- --- texts ---

-- sql_product_wordings(owner uuid, channel uuid) many struct wording
-- In all languages but the default one.
SELECT t.locale, t.title, s.slug, t.description, t.seo_title,
       t.seo_description
  FROM product_i18n t
  JOIN locales l ON l.code = t.locale AND NOT l.is_default
  LEFT JOIN slugs s ON s.kind = 'product' AND s.owner_id = t.product_id
       AND s.locale = t.locale AND s.channel_id = :channel
 WHERE t.product_id = :owner
 ORDER BY t.locale;

-- sql_product_wording_put(struct wording, owner uuid) none
-- A language of NULL is the default one.
INSERT INTO product_i18n AS t (product_id, locale, title, description,
                               seo_title, seo_description)
VALUES (:owner, coalesce(:locale, (SELECT code FROM locales
                                    WHERE is_default)),
        :title, coalesce(:description, ''), coalesce(:seo_title, ''),
        coalesce(:seo_description, ''))
ON CONFLICT (product_id, locale) DO UPDATE
   SET title = excluded.title, description = excluded.description,
       seo_title = excluded.seo_title,
       seo_description = excluded.seo_description
 WHERE (t.title, t.description, t.seo_title, t.seo_description)
       IS DISTINCT FROM (excluded.title, excluded.description,
                         excluded.seo_title, excluded.seo_description);

-- sql_product_wordings_keep(owner uuid, languages texts) none
DELETE FROM product_i18n t USING locales l
 WHERE l.code = t.locale AND NOT l.is_default AND t.product_id = :owner
   AND t.locale <> ALL (:languages);

-- sql_category_wordings(owner uuid, channel uuid) many struct wording
-- In all languages but the default one.
SELECT t.locale, t.name AS title, s.slug, t.description, t.seo_title,
       t.seo_description
  FROM category_i18n t
  JOIN locales l ON l.code = t.locale AND NOT l.is_default
  LEFT JOIN slugs s ON s.kind = 'category' AND s.owner_id = t.category_id
       AND s.locale = t.locale AND s.channel_id = :channel
 WHERE t.category_id = :owner
 ORDER BY t.locale;

-- sql_category_wording_put(struct wording, owner uuid) none
INSERT INTO category_i18n AS t (category_id, locale, name, description,
                                seo_title, seo_description)
VALUES (:owner, coalesce(:locale, (SELECT code FROM locales
                                    WHERE is_default)),
        :title, coalesce(:description, ''), coalesce(:seo_title, ''),
        coalesce(:seo_description, ''))
ON CONFLICT (category_id, locale) DO UPDATE
   SET name = excluded.name, description = excluded.description,
       seo_title = excluded.seo_title,
       seo_description = excluded.seo_description
 WHERE (t.name, t.description, t.seo_title, t.seo_description)
       IS DISTINCT FROM (excluded.name, excluded.description,
                         excluded.seo_title, excluded.seo_description);

-- sql_category_wordings_keep(owner uuid, languages texts) none
DELETE FROM category_i18n t USING locales l
 WHERE l.code = t.locale AND NOT l.is_default AND t.category_id = :owner
   AND t.locale <> ALL (:languages);

-- sql_slug_put(kind text, owner uuid, channel uuid, locale text, slug text)
--     none
-- The former one becomes a redirect, by a trigger.
INSERT INTO slugs AS s (kind, owner_id, channel_id, locale, slug)
VALUES (:kind, :owner, :channel,
        coalesce(:locale, (SELECT code FROM locales WHERE is_default)),
        :slug)
ON CONFLICT (kind, owner_id, locale, channel_id) DO UPDATE
   SET slug = excluded.slug
 WHERE s.slug <> excluded.slug;

-- sql_slugs_keep(kind text, owner uuid, channel uuid, languages texts) none
-- An address that was given out leads to the thing in another language.
WITH gone AS (
    DELETE FROM slugs s USING locales l
     WHERE l.code = s.locale AND NOT l.is_default AND s.kind = :kind
       AND s.owner_id = :owner AND s.channel_id = :channel
       AND s.locale <> ALL (:languages)
    RETURNING s.kind, s.locale, s.channel_id, s.slug, s.owner_id)
INSERT INTO redirects (kind, locale, channel_id, from_slug, owner_id)
SELECT kind, locale, channel_id, slug, owner_id FROM gone
ON CONFLICT (kind, channel_id, from_slug, locale)
DO UPDATE SET owner_id = excluded.owner_id, created_at = shop_now();

-- --- products ---

-- sql_staff_products(struct staff_product_filter, channel uuid, sort text,
--     after_at text, after_id text, limit int) many struct staff_product
-- Each sort is a range of one index; a SKU and the beginning of a slug too.
SELECT p.id, p.status, t.title, s.slug, p.vendor, p.type, p.tags, p.version,
       p.created_at, p.updated_at, p.published_at, p.archived_at,
       ARRAY[p.updated_at::text, p.id::text]::text AS page_key
  FROM products p
  JOIN locales l ON l.is_default
  LEFT JOIN product_i18n t ON t.product_id = p.id AND t.locale = l.code
  LEFT JOIN slugs s ON s.kind = 'product' AND s.owner_id = p.id
       AND s.locale = l.code AND s.channel_id = :channel
 WHERE true
--? status
   AND p.status = :status
--.
--? q
   AND p.id IN (SELECT product_id FROM variants WHERE sku = :q
                 UNION
                SELECT owner_id FROM slugs
                 WHERE kind = 'product' AND channel_id = :channel
                   AND slug >= lower(:q)
                   AND slug < lower(:q) || chr(1114111))
--.
--? updated_after
   AND p.updated_at > :updated_after
--.
--? sort=newest after_id
   AND p.id < :after_id::uuid
--.
--? sort=oldest after_id
   AND p.id > :after_id::uuid
--.
--? sort=updated after_id
   AND (p.updated_at, p.id) > (:after_at::timestamptz, :after_id::uuid)
--.
--? sort=newest
 ORDER BY p.id DESC
--.
--? sort=oldest
 ORDER BY p.id
--.
--? sort=updated
 ORDER BY p.updated_at, p.id
--.
 LIMIT :limit;

-- sql_staff_product(id uuid, channel uuid) maybe struct staff_product
-- Drafts and archived ones too.
SELECT p.id, p.status, t.title, s.slug, t.description, t.seo_title,
       t.seo_description, p.vendor, p.type, p.tags, p.version, p.created_at,
       p.updated_at, p.published_at, p.archived_at,
       ARRAY(SELECT category_id FROM product_categories
              WHERE product_id = p.id ORDER BY category_id) AS category_ids
  FROM products p
  JOIN locales l ON l.is_default
  LEFT JOIN product_i18n t ON t.product_id = p.id AND t.locale = l.code
  LEFT JOIN slugs s ON s.kind = 'product' AND s.owner_id = p.id
       AND s.locale = l.code AND s.channel_id = :channel
 WHERE p.id = :id;

-- sql_export_terms(currency text, locale text) maybe struct export_terms
-- Null is what the shop does not have; see shopctl's import.
SELECT c.code AS currency, c.exponent, l.code AS locale,
       p.id AS price_list_id
  FROM channels ch
  JOIN markets m ON m.id = ch.default_market_id
  JOIN locales d ON d.is_default
  JOIN price_lists p ON p.code = 'default'
  LEFT JOIN currencies c ON c.code = coalesce(:currency, m.currency)
  LEFT JOIN locales l ON l.code = coalesce(:locale, d.code)
 WHERE ch.is_default;

-- sql_product_id(status text) each struct found_id
-- In the order of an index, that the first row does not wait for all others. A
-- limit that nobody knows has the planner take one row in ten to be wanted.
SELECT id FROM products
 WHERE true
--? status
   AND status = :status
--.
 ORDER BY id
 LIMIT (SELECT NULL::bigint);

-- sql_product_table(struct export_terms) each struct export_row
-- What concerns the product stands in its first row; variants and pictures go
-- side by side, the longer of the two says how many rows there are.  A variant
-- that is in stock is not counted: how many there are nobody knows.
-- In order as above; and with a LIMIT of its own a look-up stays one, in place
-- of a join for which a whole table is read first.
SELECT ARRAY[p.handle,
       f.title, f.description, f.vendor, '', f.type, f.tags, f.published,
       f.option1, r.value1, f.option2, r.value2, f.option3, r.value3,
       r.sku, r.weight_grams::text,
       CASE WHEN NOT r.in_stock THEN 'shopify' END,
       CASE WHEN NOT r.in_stock THEN '0' END,
       CASE WHEN r.is_variant THEN 'deny' END,
       CASE WHEN r.is_variant THEN 'manual' END,
       round(x.amount / 10.0 ^ :exponent::integer, :exponent::integer)::text,
       round(x.compare_at / 10.0 ^ :exponent::integer,
             :exponent::integer)::text,
       r.requires_shipping::text, r.taxable::text, r.barcode,
       r.url, r.place::text, r.alt, f.gift, f.seo_title, f.seo_description,
       r.variant_url, CASE WHEN r.is_variant THEN 'g' END, f.status] AS cells
  FROM products p
 CROSS JOIN LATERAL (
       SELECT title, description, seo_title, seo_description
         FROM product_i18n
        WHERE product_id = p.id AND locale = :locale
        LIMIT 1
       ) t
 CROSS JOIN LATERAL (
       SELECT ARRAY(SELECT o.name FROM product_options o
                     WHERE o.product_id = p.id
                     ORDER BY o.position, o.id) AS name) o
  LEFT JOIN LATERAL (
       SELECT coalesce(v.n, m.n) AS n, v.n IS NOT NULL AS is_variant, v.id,
              v.sku, v.barcode, v.weight_grams, v.in_stock,
              v.requires_shipping, v.taxable, v.variant_url,
              CASE WHEN v.n IS NULL THEN NULL
                   WHEN o.name = '{}' THEN 'Default Title'
                   ELSE v.value[1] END AS value1,
              v.value[2] AS value2, v.value[3] AS value3,
              m.url, m.position AS place, m.alt
         FROM (SELECT row_number() OVER (ORDER BY v.position, v.id) AS n,
                      v.id, v.sku, v.barcode, v.weight_grams, v.in_stock,
                      v.requires_shipping, v.taxable,
                      (SELECT url FROM media WHERE id = v.media_id)
                          AS variant_url,
                      ARRAY(SELECT ov.value
                              FROM unnest(v.option_value_ids)
                                   WITH ORDINALITY i (id, n)
                              JOIN option_values ov ON ov.id = i.id
                             ORDER BY i.n) AS value
                 FROM variants v
                WHERE v.product_id = p.id AND v.status = 'active') v
         FULL JOIN
              (SELECT row_number() OVER (ORDER BY position, id) AS n,
                      url, position, alt
                 FROM media
                WHERE product_id = p.id AND kind = 'image') m USING (n)
       ) r ON true
  LEFT JOIN LATERAL (
       SELECT amount, compare_at
         FROM prices
        WHERE variant_id = r.id AND currency = :currency
          AND price_list_id = :price_list_id AND min_quantity = 1
          AND valid @> shop_now()
        LIMIT 1
       ) x ON true
  LEFT JOIN LATERAL (
       SELECT t.title, t.description, p.vendor, p.type,
              array_to_string(p.tags, ', ') AS tags,
              (p.status = 'active')::text AS published,
              coalesce(o.name[1], 'Title') AS option1, o.name[2] AS option2,
              o.name[3] AS option3, 'false' AS gift, t.seo_title,
              t.seo_description, p.status
       ) f ON coalesce(r.n, 1) = 1
 WHERE true
--? status
   AND p.status = :status
--.
 ORDER BY p.id, r.n
 LIMIT (SELECT NULL::bigint);

-- sql_product_hold(id uuid) maybe struct product_held
-- Alone, so that what is read next is no older than the lock.
SELECT id, status, version FROM products
 WHERE id = :id
   FOR NO KEY UPDATE;

-- sql_product_insert(struct staff_product) none
-- Imports know it by its slug, unless something else was imported as that.
INSERT INTO products (id, handle, status, vendor, type, tags, position,
                      published_at)
VALUES (:id,
        CASE WHEN EXISTS (SELECT FROM products WHERE handle = :slug)
             THEN :id::uuid::text ELSE :slug END,
        coalesce(:status, 'draft'), coalesce(:vendor, ''),
        coalesce(:type, ''), :tags,
        position_between((SELECT max(position) FROM products), NULL),
        CASE WHEN :status = 'active' THEN shop_now() END);

-- sql_product_update(struct staff_product) none
UPDATE products
   SET status = :status, vendor = coalesce(:vendor, ''),
       type = coalesce(:type, ''), tags = :tags,
       published_at = CASE WHEN :status = 'active'
                           THEN coalesce(published_at, shop_now())
                           ELSE published_at END,
       archived_at = CASE WHEN :status = 'archived' THEN shop_now() END,
       version = version + 1, updated_at = shop_now()
 WHERE id = :id;

-- sql_product_change(id uuid) maybe struct product_held
-- A part of it changes: its ETag covers its parts.
UPDATE products SET version = version + 1, updated_at = shop_now()
 WHERE id = :id
RETURNING id, status, version;

-- sql_lists_by_hand() none
-- Once for all the statements that make a product, not once for each.
SELECT FROM set_config('shop.listing', 'manual', true);

-- sql_lists_refresh(id uuid) none
SELECT FROM listing_refresh(ARRAY[:id::uuid]);

-- sql_lists_by_price_refresh(id uuid) none
-- Behind the other, which says where the product is listed.
SELECT FROM product_prices_refresh(ARRAY[:id::uuid]);

-- sql_staff_options(owner uuid) many struct staff_option
SELECT o.id, o.name,
       ARRAY(SELECT v.value FROM option_values v WHERE v.option_id = o.id
              ORDER BY v.position, v.id) AS values
  FROM product_options o
 WHERE o.product_id = :owner
 ORDER BY o.position, o.id;

-- sql_option_insert(struct staff_option, owner uuid, place int) none
INSERT INTO product_options (id, product_id, position, name)
VALUES (:id, :owner, :place, :name);

-- sql_option_values_insert(struct staff_option, owner uuid) none
INSERT INTO option_values (option_id, product_id, position, value)
SELECT :id::uuid, :owner::uuid, n, value
  FROM unnest(:values::text[]) WITH ORDINALITY v(value, n);

-- sql_staff_choices(owner uuid) many struct staff_choice
-- Option by option, in the order of sql_staff_options().
SELECT v.id, v.option_id, v.value
  FROM option_values v
  JOIN product_options o ON o.id = v.option_id
 WHERE v.product_id = :owner
 ORDER BY o.position, o.id, v.position, v.id;

-- sql_option_words(owner uuid) many struct option_word
SELECT t.option_id AS owner_id, t.locale, t.name
  FROM product_options o
  JOIN product_option_i18n t ON t.option_id = o.id
 WHERE o.product_id = :owner
 ORDER BY o.position, o.id, t.locale;

-- sql_choice_words(owner uuid) many struct option_word
-- In the order of sql_staff_choices().
SELECT t.value_id AS owner_id, t.locale, t.value AS name
  FROM option_values v
  JOIN product_options o ON o.id = v.option_id
  JOIN option_value_i18n t ON t.value_id = v.id
 WHERE v.product_id = :owner
 ORDER BY o.position, o.id, v.position, v.id, t.locale;

-- sql_option_delete(id uuid) none
DELETE FROM product_options WHERE id = :id;

-- sql_choices_keep(option uuid, ids uuids) none
DELETE FROM option_values
 WHERE option_id = :option AND id <> ALL (:ids);

-- sql_options_park(ids uuids, names texts) none
-- Names that change go out of the way first: two may be exchanged.
UPDATE product_options o SET name = o.id::text
  FROM unnest(:ids::uuid[], :names::text[]) n (id, name)
 WHERE o.id = n.id AND o.name <> n.name;

-- sql_options_set(ids uuids, names texts) none
UPDATE product_options o SET name = n.name, position = n.place
  FROM unnest(:ids::uuid[], :names::text[])
       WITH ORDINALITY n (id, name, place)
 WHERE o.id = n.id AND (o.name, o.position) <> (n.name, n.place);

-- sql_choices_park(ids uuids, names texts) many struct found_id
UPDATE option_values v SET value = v.id::text
  FROM unnest(:ids::uuid[], :names::text[]) n (id, name)
 WHERE v.id = n.id AND v.value <> n.name
RETURNING v.id;

-- sql_choices_set(option uuid, owner uuid, ids uuids, names texts) none
-- New ones too.
INSERT INTO option_values AS v (id, option_id, product_id, position, value)
SELECT n.id, :option, :owner, n.place, n.name
  FROM unnest(:ids::uuid[], :names::text[])
       WITH ORDINALITY n (id, name, place)
ON CONFLICT (id) DO UPDATE
   SET position = excluded.position, value = excluded.value
 WHERE (v.position, v.value) <> (excluded.position, excluded.value);

-- sql_option_words_put(ids uuids, languages texts, words texts) none
-- A word of NULL is none any more.
WITH given AS (
    SELECT * FROM unnest(:ids::uuid[], :languages::text[], :words::text[])
                  g (id, locale, word)),
gone AS (
    DELETE FROM product_option_i18n t USING given g
     WHERE t.option_id = g.id AND t.locale = g.locale AND g.word IS NULL)
INSERT INTO product_option_i18n AS t (option_id, locale, name)
SELECT id, locale, word FROM given WHERE word IS NOT NULL
ON CONFLICT (option_id, locale) DO UPDATE SET name = excluded.name
 WHERE t.name <> excluded.name;

-- sql_choice_words_put(ids uuids, languages texts, words texts) none
WITH given AS (
    SELECT * FROM unnest(:ids::uuid[], :languages::text[], :words::text[])
                  g (id, locale, word)),
gone AS (
    DELETE FROM option_value_i18n t USING given g
     WHERE t.value_id = g.id AND t.locale = g.locale AND g.word IS NULL)
INSERT INTO option_value_i18n AS t (value_id, locale, value)
SELECT id, locale, word FROM given WHERE word IS NOT NULL
ON CONFLICT (value_id, locale) DO UPDATE SET value = excluded.value
 WHERE t.value <> excluded.value;

-- sql_variants_follow(owner uuid, axes uuids, fills uuids, renamed uuids,
--     every bool) none
-- Values in the order that options have now, those of new options filled in.
-- What is said of a variant changes with the names of its values, too.  Each
-- value is looked up by its key: a join would be planned by what the tables
-- were when they were last counted.
UPDATE variants v
   SET option_value_ids = ARRAY(
           SELECT x.id
             FROM (SELECT u.id, (SELECT option_id FROM option_values
                                  WHERE id = u.id) AS axis
                     FROM unnest(v.option_value_ids) u (id)
                    UNION ALL
                   SELECT f.fill, f.axis
                     FROM unnest(:axes::uuid[], :fills::uuid[])
                          f (axis, fill)) x
            ORDER BY (SELECT position FROM product_options
                       WHERE id = x.axis), x.axis),
       version = version + 1, updated_at = shop_now()
 WHERE product_id = :owner
   AND (:every OR option_value_ids && :renamed::uuid[]);

-- --- media ---

-- sql_staff_media(owner uuid) many struct staff_media
SELECT id, url, alt, kind, width, height FROM media
 WHERE product_id = :owner
 ORDER BY position, id;

-- sql_media_put(struct staff_media, owner uuid, place int) none
-- What keeps its address keeps its id, which variants refer to.
INSERT INTO media (product_id, url, alt, kind, position, width, height)
VALUES (:owner, :url, coalesce(:alt, ''), coalesce(:kind, 'image'), :place,
        :width, :height)
ON CONFLICT (product_id, url) DO UPDATE
   SET alt = excluded.alt, kind = excluded.kind,
       position = excluded.position, width = excluded.width,
       height = excluded.height;

-- sql_media_keep(owner uuid, urls texts) none
DELETE FROM media WHERE product_id = :owner AND url <> ALL (:urls);

-- --- a product's categories ---

-- sql_categories_share(ids uuids) none
-- Before the product: whoever moves a category locks in this order too.
SELECT FROM categories
 WHERE id = ANY (:ids)
 ORDER BY id
   FOR SHARE;

-- sql_product_categories_put(owner uuid, ids uuids) many struct found_id
-- New ones at the end of their category; returns those that changed.
WITH gone AS (
    DELETE FROM product_categories
     WHERE product_id = :owner AND category_id <> ALL (:ids)
    RETURNING category_id),
made AS (
    INSERT INTO product_categories (product_id, category_id, position)
    SELECT :owner, id,
           position_between((SELECT max(position) FROM product_categories
                              WHERE category_id = id), NULL)
      FROM unnest(:ids::uuid[]) id
    ON CONFLICT (product_id, category_id) DO NOTHING
    RETURNING category_id)
SELECT category_id AS id FROM gone
 UNION ALL
SELECT category_id FROM made;

-- --- a category's products ---

-- sql_category_products(owner uuid, channel uuid, after_position text,
--     after_id text, limit int) many struct staff_product
-- Those that it has itself, in the order of their places.
SELECT p.id, p.status, t.title, s.slug, p.vendor, p.type, p.tags, p.version,
       p.created_at, p.updated_at, p.published_at, p.archived_at,
       ARRAY[pc.position, p.id::text]::text AS page_key
  FROM (SELECT product_id, position FROM product_categories
         WHERE category_id = :owner
--? after_id
           AND (position, product_id)
               > (:after_position::text, :after_id::uuid)
--.
         ORDER BY position, product_id
         LIMIT :limit) pc
  JOIN products p ON p.id = pc.product_id
  JOIN locales l ON l.is_default
  LEFT JOIN product_i18n t ON t.product_id = p.id AND t.locale = l.code
  LEFT JOIN slugs s ON s.kind = 'product' AND s.owner_id = p.id
       AND s.locale = l.code AND s.channel_id = :channel
 ORDER BY pc.position, p.id;

-- sql_product_place(category uuid, product uuid, beside uuid, before bool)
--     maybe struct product_placed
SELECT product_place(:category, :product, :beside, :before) AS moved;

-- --- variants ---

-- sql_staff_variants(owner uuid, after_position text, after_id text,
--     limit int) many struct staff_variant
-- In the order that the storefront shows them.
SELECT v.id, v.product_id, v.status, v.sku, v.barcode,
       ARRAY(SELECT o.value
               FROM unnest(v.option_value_ids) WITH ORDINALITY x (id, n)
               JOIN option_values o ON o.id = x.id
              ORDER BY x.n) AS options,
       v.position, v.media_id, v.weight_grams, v.taxable,
       v.requires_shipping, v.in_stock, v.version, v.created_at,
       v.updated_at, ARRAY[v.position::text, v.id::text]::text AS page_key
  FROM variants v
 WHERE v.product_id = :owner
   AND (v.position, v.id) > (:after_position::smallint, :after_id::uuid)
 ORDER BY v.position, v.id
 LIMIT :limit;

-- sql_staff_variant(id uuid) maybe struct staff_variant
SELECT v.id, v.product_id, v.status, v.sku, v.barcode,
       ARRAY(SELECT o.value
               FROM unnest(v.option_value_ids) WITH ORDINALITY x (id, n)
               JOIN option_values o ON o.id = x.id
              ORDER BY x.n) AS options,
       v.option_value_ids AS value_ids,
       v.position, v.media_id, v.weight_grams, v.taxable,
       v.requires_shipping, v.in_stock, v.version, v.created_at, v.updated_at
  FROM variants v
 WHERE v.id = :id;

-- sql_variant_hold(id uuid) none
SELECT FROM variants WHERE id = :id FOR NO KEY UPDATE;

-- sql_variant_values(owner uuid, options texts) maybe struct variant_values
-- Values that no variant had before are made.  The product is locked.
WITH axis AS (
    SELECT id, row_number() OVER (ORDER BY position, id) AS n
      FROM product_options WHERE product_id = :owner),
given AS (
    SELECT a.id AS option_id, a.n, g.value
      FROM axis a
      JOIN unnest(:options::text[]) WITH ORDINALITY g (value, n) USING (n)),
made AS (
    INSERT INTO option_values (option_id, product_id, position, value)
    SELECT option_id, :owner, (SELECT coalesce(max(v.position), 0) + 1
                                 FROM option_values v
                                WHERE v.option_id = given.option_id), value
      FROM given
    ON CONFLICT (option_id, value) DO NOTHING
    RETURNING id, option_id)
SELECT ARRAY(SELECT coalesce(m.id, v.id)
               FROM given g
               LEFT JOIN made m ON m.option_id = g.option_id
               LEFT JOIN option_values v ON v.option_id = g.option_id
                    AND v.value = g.value
              ORDER BY g.n) AS value_ids,
       (SELECT count(*) FROM axis) AS n_options,
       (SELECT count(*) FROM variants WHERE product_id = :owner)
           AS n_variants;

-- sql_variant_insert(struct staff_variant) none
INSERT INTO variants (id, product_id, sku, barcode, position,
                      option_value_ids, media_id, weight_grams, taxable,
                      requires_shipping, in_stock)
VALUES (:id, :product_id, :sku, :barcode,
        coalesce(:position, (SELECT coalesce(max(position), 0) + 1
                               FROM variants WHERE product_id = :product_id)),
        :value_ids, :media_id, coalesce(:weight_grams, 0), :taxable,
        :requires_shipping, :in_stock);

-- sql_variant_update(struct staff_variant) none
UPDATE variants
   SET status = :status, sku = :sku, barcode = :barcode,
       position = :position, option_value_ids = :value_ids,
       media_id = :media_id, weight_grams = coalesce(:weight_grams, 0),
       taxable = :taxable, requires_shipping = :requires_shipping,
       in_stock = :in_stock, version = version + 1, updated_at = shop_now()
 WHERE id = :id;

-- sql_variant_archive(id uuid) none
-- The one variant of a product without options stays as long as that does.
UPDATE variants v
   SET status = 'archived', version = version + 1, updated_at = shop_now()
 WHERE id = :id
   AND EXISTS (SELECT FROM product_options o
                WHERE o.product_id = v.product_id);

-- --- categories ---

-- sql_staff_categories(struct staff_category_filter, channel uuid,
--     after_depth text, after_position text, after_id text, limit int)
--     many struct staff_category
-- Parents before children, siblings in their order.
SELECT c.id, c.parent_id, c.status, t.name, s.slug, c.version, c.created_at,
       c.updated_at,
       ARRAY[cardinality(c.path)::text, c.position, c.id::text]::text
           AS page_key
  FROM categories c
  JOIN locales l ON l.is_default
  LEFT JOIN category_i18n t ON t.category_id = c.id AND t.locale = l.code
  LEFT JOIN slugs s ON s.kind = 'category' AND s.owner_id = c.id
       AND s.locale = l.code AND s.channel_id = :channel
 WHERE (cardinality(c.path), c.position, c.id)
       > (:after_depth::integer, :after_position::text, :after_id::uuid)
--? status
   AND c.status = :status
--.
--? parent_id
   AND c.parent_id = :parent_id
--.
 ORDER BY cardinality(c.path), c.position, c.id
 LIMIT :limit;

-- sql_staff_category(id uuid, channel uuid) maybe struct staff_category
SELECT c.id, c.parent_id, c.status, c.position, t.name, s.slug,
       t.description, t.seo_title, t.seo_description, c.version,
       c.created_at, c.updated_at
  FROM categories c
  JOIN locales l ON l.is_default
  LEFT JOIN category_i18n t ON t.category_id = c.id AND t.locale = l.code
  LEFT JOIN slugs s ON s.kind = 'category' AND s.owner_id = c.id
       AND s.locale = l.code AND s.channel_id = :channel
 WHERE c.id = :id;

-- sql_categories_lock_tree() none
-- The lock of the trigger, but before any row: one change of the tree at a
-- time, and the places of siblings stand still meanwhile.
SELECT FROM pg_advisory_xact_lock(hashtext('categories'), 0);

-- sql_category_hold(id uuid) maybe struct category_held
SELECT id, status, position FROM categories
 WHERE id = :id
   FOR NO KEY UPDATE;

-- sql_category_position(id uuid, parent uuid, place int) maybe
--     struct category_held
-- Between the siblings that will be its neighbours; no place is the last.
WITH sibling AS (
    SELECT position, row_number() OVER (ORDER BY position, id) AS n
      FROM categories
     WHERE parent_id IS NOT DISTINCT FROM :parent AND id <> :id
       AND status <> 'archived')
SELECT position_between(
           (SELECT max(position) FROM sibling
             WHERE :place::bigint IS NULL OR n <= :place),
           (SELECT min(position) FROM sibling WHERE n > :place)) AS position;

-- sql_category_insert(struct staff_category) none
INSERT INTO categories (id, parent_id, path, handle, position, status)
VALUES (:id, :parent_id, '{}',
        CASE WHEN EXISTS (SELECT FROM categories WHERE handle = :slug)
             THEN :id::uuid::text ELSE :slug END,
        :position, coalesce(:status, 'active'));

-- sql_category_update(struct staff_category) none
UPDATE categories
   SET position = :position, status = :status, version = version + 1,
       updated_at = shop_now()
 WHERE id = :id;

-- sql_category_move(struct staff_category) none
-- Apart from the update, as naming parent_id is what wakes the tree's
-- triggers.
UPDATE categories SET parent_id = :parent_id WHERE id = :id;

-- sql_categories_below(id uuid) many struct found_id
-- And the category itself: their paths change when it is moved.
SELECT id FROM categories WHERE path @> ARRAY[:id::uuid];

-- sql_category_archive(id uuid) none
-- Only a leaf: what lies below would have no way to it.
UPDATE categories c
   SET status = 'archived', version = version + 1, updated_at = shop_now()
 WHERE id = :id
   AND NOT EXISTS (SELECT FROM categories b
                    WHERE b.parent_id = c.id AND b.status <> 'archived');
