-- sql_price_lists(after_id text, limit int) many struct price_list
SELECT id, code, name, kind, priority, status, currency, channel_id,
       market_id, starts_at, ends_at, version, created_at, updated_at,
       ARRAY[id::text]::text AS page_key
  FROM price_lists
 WHERE true
--? after_id
   AND id > :after_id::uuid
--.
 ORDER BY id
 LIMIT :limit;

-- sql_price_list(id uuid) maybe struct price_list
SELECT id, code, name, kind, priority, status, currency, channel_id,
       market_id, starts_at, ends_at, version, created_at, updated_at
  FROM price_lists
 WHERE id = :id;

-- sql_price_list_hold(id uuid) maybe struct price_list
-- One table and no join: what is read is what is locked.
SELECT id, code, name, kind, priority, status, currency, channel_id,
       market_id, starts_at, ends_at, version, created_at, updated_at
  FROM price_lists
 WHERE id = :id
   FOR NO KEY UPDATE;

-- sql_price_list_insert(struct price_list) none
INSERT INTO price_lists (id, code, name, kind, priority, status, currency,
                         channel_id, market_id, starts_at, ends_at)
VALUES (:id, :code, :name, :kind, coalesce(:priority, 0),
        coalesce(:status, 'active'), :currency, :channel_id, :market_id,
        :starts_at, :ends_at);

-- sql_price_list_update(struct price_list) none
UPDATE price_lists
   SET code = :code, name = :name, priority = :priority, status = :status,
       currency = :currency, channel_id = :channel_id,
       market_id = :market_id, starts_at = :starts_at, ends_at = :ends_at,
       version = version + 1, updated_at = shop_now()
 WHERE id = :id;

-- sql_prices(struct price_filter, after_id text, limit int)
--     many struct price
-- Past and future ones too, oldest first.
SELECT id, price_list_id, variant_id, amount AS price_amount,
       currency AS price_currency, compare_at, min_quantity,
       lower(valid) AS valid_from, upper(valid) AS valid_until,
       valid @> shop_now() AS current, version, created_at, updated_at,
       ARRAY[id::text]::text AS page_key
  FROM prices
 WHERE true
--? variant_id
   AND variant_id = :variant_id
--.
--? price_list_id
   AND price_list_id = :price_list_id
--.
--? after_id
   AND id > :after_id::uuid
--.
 ORDER BY id
 LIMIT :limit;

-- sql_price(id uuid) maybe struct price
SELECT id, price_list_id, variant_id, amount AS price_amount,
       currency AS price_currency, compare_at, min_quantity,
       lower(valid) AS valid_from, upper(valid) AS valid_until,
       valid @> shop_now() AS current, version, created_at, updated_at
  FROM prices
 WHERE id = :id;

-- sql_price_hold(id uuid) maybe struct price
SELECT id, price_list_id, variant_id, amount AS price_amount,
       currency AS price_currency, compare_at, min_quantity,
       lower(valid) AS valid_from, upper(valid) AS valid_until,
       valid @> shop_now() AS current, version, created_at, updated_at
  FROM prices
 WHERE id = :id
   FOR NO KEY UPDATE;

-- sql_price_lists_share(ids uuids) many struct found_id
-- Held to their currency until the prices are committed.
SELECT id FROM price_lists
 WHERE id = ANY (:ids)
 ORDER BY id
   FOR SHARE;

-- sql_product_of_variant(variant uuid) maybe struct found_id
-- Its lists by price are made anew with each price.
SELECT p.id FROM products p
 WHERE p.id = (SELECT product_id FROM variants WHERE id = :variant)
   FOR NO KEY UPDATE;

-- sql_price_insert(struct price) none
INSERT INTO prices (id, price_list_id, variant_id, currency, amount,
                    compare_at, min_quantity, valid)
VALUES (:id, :price_list_id, :variant_id, :price_currency, :price_amount,
        :compare_at, coalesce(:min_quantity, 1),
        tstzrange(:valid_from, :valid_until));

-- sql_price_update(struct price) none
UPDATE prices
   SET currency = :price_currency, amount = :price_amount,
       compare_at = :compare_at, min_quantity = coalesce(:min_quantity, 1),
       valid = tstzrange(:valid_from, :valid_until), version = version + 1,
       updated_at = shop_now()
 WHERE id = :id;

-- sql_price_end(id uuid) none
-- One that began this very moment would have held at no time.
UPDATE prices
   SET valid = tstzrange(lower(valid), shop_now()), version = version + 1,
       updated_at = shop_now()
 WHERE id = :id AND valid @> shop_now()
   AND (lower_inf(valid) OR lower(valid) < shop_now());
