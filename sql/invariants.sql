-- What must hold at every moment. Each row that this returns is a breach:
-- (invariant, detail). Run at the end of every test that writes, by
-- `shopctl check`, and whenever somebody is in doubt.

-- Categories: a tree, and paths that tell it.
SELECT 'category path follows the parent' AS invariant,
       format('category %s: path %s', c.id, c.path) AS detail
  FROM categories c
  LEFT JOIN categories p ON p.id = c.parent_id
 WHERE c.path <> coalesce(p.path, '{}') || c.id

UNION ALL
SELECT 'category hangs on the top', format('category %s', id)
  FROM categories
 WHERE id NOT IN (
       WITH RECURSIVE tree AS (
           SELECT id FROM categories WHERE parent_id IS NULL
           UNION
           SELECT c.id FROM tree t JOIN categories c ON c.parent_id = t.id)
       SELECT id FROM tree)

-- Variants.
UNION ALL
SELECT 'product without options has one variant',
       format('product %s: %s variants', p.id,
              (SELECT count(*) FROM variants WHERE product_id = p.id))
  FROM products p
 WHERE p.status <> 'archived'
   AND NOT EXISTS (SELECT FROM product_options WHERE product_id = p.id)
   AND 1 <> (SELECT count(*) FROM variants
              WHERE product_id = p.id AND status = 'active')

UNION ALL
SELECT 'variant has one value of each option',
       format('variant %s: %s', v.id, v.option_value_ids)
  FROM variants v
 WHERE v.status = 'active'
   AND ARRAY(SELECT o.id FROM product_options o
              WHERE o.product_id = v.product_id ORDER BY o.id)
       <> ARRAY(SELECT o.option_id FROM option_values o
                 WHERE o.id = ANY (v.option_value_ids)
                   AND o.product_id = v.product_id ORDER BY o.option_id)

UNION ALL
SELECT 'variant has values that exist',
       format('variant %s: %s', v.id, v.option_value_ids)
  FROM variants v
 WHERE EXISTS (SELECT FROM unnest(v.option_value_ids) id
                WHERE id NOT IN (SELECT o.id FROM option_values o
                                  WHERE o.product_id = v.product_id))

UNION ALL
SELECT 'option key is the set of the values',
       format('variant %s: %s', id, option_key)
  FROM variants
 WHERE option_key <> uuid_set(option_value_ids)

-- Addresses.
UNION ALL
SELECT 'active product has a slug in each language that it has a title in',
       format('product %s, %s', p.id, i.locale)
  FROM products p
  JOIN product_i18n i ON i.product_id = p.id
  JOIN channels ch ON ch.is_default
 WHERE p.status = 'active'
   AND NOT EXISTS (SELECT FROM slugs s
                    WHERE s.kind = 'product' AND s.owner_id = p.id
                      AND s.locale = i.locale AND s.channel_id = ch.id)

UNION ALL
SELECT 'active category has a slug in each language that it has a name in',
       format('category %s, %s', c.id, i.locale)
  FROM categories c
  JOIN category_i18n i ON i.category_id = c.id
  JOIN channels ch ON ch.is_default
 WHERE c.status = 'active'
   AND NOT EXISTS (SELECT FROM slugs s
                    WHERE s.kind = 'category' AND s.owner_id = c.id
                      AND s.locale = i.locale AND s.channel_id = ch.id)

UNION ALL
SELECT 'slug and redirect have an owner', format('%s %s', a.kind, a.owner_id)
  FROM (SELECT kind, owner_id FROM slugs
         UNION SELECT kind, owner_id FROM redirects) a
 WHERE NOT EXISTS (SELECT FROM products p
                    WHERE a.kind = 'product' AND p.id = a.owner_id)
   AND NOT EXISTS (SELECT FROM categories c
                    WHERE a.kind = 'category' AND c.id = a.owner_id)

UNION ALL
SELECT 'redirect hides no slug', format('%s %s, %s', kind, slug, locale)
  FROM slugs s
  JOIN redirects r USING (kind, channel_id, locale)
 WHERE r.from_slug = s.slug

-- Markets.
UNION ALL
SELECT 'market has known currencies and languages', format('market %s', code)
  FROM markets
 WHERE EXISTS (SELECT unnest(currencies) EXCEPT SELECT c.code FROM currencies c)
    OR EXISTS (SELECT unnest(locales) EXCEPT SELECT l.code FROM locales l)

UNION ALL
SELECT 'fall-back is a known language', format('locale %s', code)
  FROM locales
 WHERE EXISTS (SELECT unnest(fallbacks) EXCEPT SELECT l.code FROM locales l)

UNION ALL
SELECT 'there is one default channel and one default language',
       format('%s channels, %s languages', channels, locales)
  FROM (SELECT count(*) FROM channels WHERE is_default) c(channels),
       (SELECT count(*) FROM locales WHERE is_default) l(locales)
 WHERE (channels, locales) <> (1, 1)

-- Prices.
UNION ALL
SELECT 'price is in the currency of its list',
       format('price %s: %s', p.id, p.currency)
  FROM prices p JOIN price_lists l ON l.id = p.price_list_id
 WHERE l.currency <> p.currency

UNION ALL
SELECT 'prices of a list do not overlap', format('prices %s and %s', a.id, b.id)
  FROM prices a
  JOIN prices b USING (price_list_id, variant_id, currency, min_quantity)
 WHERE a.id < b.id AND a.valid && b.valid

-- Read models: what they say is what their sources say. A stretch of time that
-- has passed is no longer asked for, and the present one may have begun as a
-- later one.
UNION ALL
SELECT 'listing_products is up to date', d::text
  FROM (SELECT array_agg(id) AS ids FROM products) p,
LATERAL ((SELECT * FROM listing_products_of(p.ids)
           EXCEPT SELECT * FROM listing_products)
          UNION ALL
         (SELECT * FROM listing_products
           EXCEPT SELECT * FROM listing_products_of(p.ids))) d

UNION ALL
SELECT 'listing_titles is up to date', d::text
  FROM (SELECT array_agg(id) AS ids FROM products) p,
LATERAL ((SELECT * FROM listing_titles_of(p.ids)
           EXCEPT SELECT * FROM listing_titles)
          UNION ALL
         (SELECT * FROM listing_titles
           EXCEPT SELECT * FROM listing_titles_of(p.ids))) d

UNION ALL
SELECT 'product_prices is up to date', d::text
  FROM (SELECT array_agg(id) AS ids FROM products) p,
LATERAL (WITH want AS (
             SELECT product_id, channel_id, currency,
                    greatest(from_at, shop_now()), until_at, min_amount,
                    max_amount, compare_at
               FROM product_prices_of(p.ids)),
         have AS (
             SELECT product_id, channel_id, currency,
                    greatest(from_at, shop_now()), until_at, min_amount,
                    max_amount, compare_at
               FROM product_prices WHERE until_at > shop_now())
         (SELECT * FROM want EXCEPT SELECT * FROM have)
          UNION ALL
         (SELECT * FROM have EXCEPT SELECT * FROM want)) d

UNION ALL
SELECT 'listing_prices is up to date', d::text
  FROM (SELECT array_agg(id) AS ids FROM products) p,
LATERAL ((SELECT * FROM listing_prices_of(p.ids)
           EXCEPT SELECT * FROM listing_prices)
          UNION ALL
         (SELECT * FROM listing_prices
           EXCEPT SELECT * FROM listing_prices_of(p.ids))) d

UNION ALL
SELECT 'numbers of events have no gap',
       format('%s to %s of %s, %s rows', min(seq), max(seq), last_seq,
              count(*))
  FROM event_relay, events
 GROUP BY last_seq
HAVING max(seq) <> last_seq OR count(*) <> max(seq) - min(seq) + 1

UNION ALL
SELECT 'what is made is said to be made once', subject || ' ' || type
  FROM (SELECT type, subject FROM events
         WHERE type LIKE '%.created'
         UNION ALL
        SELECT type, subject FROM outbox
         WHERE type LIKE '%.created') said
 GROUP BY type, subject
HAVING count(*) > 1

UNION ALL
SELECT 'no cursor is past the last event', c::text
  FROM event_cursors c, event_relay WHERE seq > last_seq

UNION ALL
SELECT 'a dead letter says why', id::text
  FROM jobs WHERE dead_at IS NOT NULL AND error IS NULL;
