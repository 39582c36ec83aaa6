-- Deploy shop:catalog to pg
-- What is sold: products and their texts, options, variants, pictures, the
-- tree of categories, slugs, and the read model that lists are taken from.
--
-- Triggers are statement-level, over transition tables, so that a bulk load
-- pays for them once a statement; only categories, which are few, have a row
-- trigger. A load that changes many products in several statements can
-- SET LOCAL shop.listing = 'manual' and call listing_refresh(ids) at its end.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- ---------------------------------------------------------------------------
-- Positions

-- A key between two others, so that moving one row renumbers no other. The
-- first four digits (base 62) count up at the end and down at the start; what
-- lies between two neighbours is a midpoint, one digit longer each six times.
CREATE FUNCTION position_between(before text, after text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    digits constant text :=
        '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    a      text := nullif(before, '') COLLATE "C";
    b      text := nullif(after, '') COLLATE "C";
    key    text := '';
    n      integer := 0;
    low    integer;
    high   integer;
BEGIN
    IF a IS NULL AND b IS NULL THEN
        RETURN 'V000';
    END IF;

    IF a IS NULL OR b IS NULL THEN
        FOR i IN 1 .. 4 LOOP
            n := n * 62 + greatest(
                strpos(digits, rpad(substr(coalesce(a, b), i, 1), 1, '0')) - 1,
                0);
        END LOOP;
        n := n + CASE WHEN b IS NULL THEN 1 ELSE -1 END;
        IF n NOT BETWEEN 1 AND 62 * 62 * 62 * 62 - 1 THEN
            RAISE 'no position is left' USING ERRCODE = 'data_exception';
        END IF;
        FOR i IN 1 .. 4 LOOP
            key := substr(digits, n % 62 + 1, 1) || key;
            n := n / 62;
        END LOOP;
        RETURN key;
    END IF;

    IF a > b THEN
        RAISE 'positions % and % are not in order', a, b
            USING ERRCODE = 'data_exception';
    END IF;

    -- Two rows that were placed at the same time stay side by side.
    IF a = b THEN
        RETURN a;
    END IF;

    FOR i IN 1 .. 255 LOOP
        low := strpos(digits, substr(a, i, 1)) - 1;
        low := CASE WHEN i > length(a) THEN 0 ELSE low END;
        high := CASE WHEN b IS NULL THEN 62
                     ELSE strpos(digits, substr(b, i, 1)) - 1 END;
        IF high - low > 1 THEN
            RETURN key || substr(digits, (low + high + 1) / 2 + 1, 1);
        END IF;
        key := key || substr(digits, low + 1, 1);
        -- One apart: whatever follows a's digit is below b.
        IF high > low THEN
            b := NULL;
        END IF;
    END LOOP;

    RAISE 'no position is left' USING ERRCODE = 'data_exception';
END
$$;

COMMENT ON FUNCTION position_between(text, text) IS
    'A position after one (null: at the start) and before another (null: end)';


-- ---------------------------------------------------------------------------
-- Products

CREATE TABLE products (
    id           uuid        PRIMARY KEY DEFAULT shop_uuid7(),
    handle       text        NOT NULL,
    status       text        NOT NULL DEFAULT 'draft',
    type         text        NOT NULL DEFAULT '',
    vendor       text        NOT NULL DEFAULT '',
    tags         text[]      NOT NULL DEFAULT '{}',
    position     text        NOT NULL DEFAULT '' COLLATE "C",
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT shop_now(),
    updated_at   timestamptz NOT NULL DEFAULT shop_now(),
    published_at timestamptz,
    archived_at  timestamptz,
    CONSTRAINT products_handle UNIQUE (handle),
    CONSTRAINT products_handle_length
        CHECK (char_length(handle) BETWEEN 1 AND 255),
    CONSTRAINT products_status
        CHECK (status IN ('draft', 'active', 'archived')),
    CONSTRAINT products_type CHECK (char_length(type) <= 255),
    CONSTRAINT products_vendor CHECK (char_length(vendor) <= 255),
    CONSTRAINT products_tags CHECK (cardinality(tags) <= 250
                                    AND array_position(tags, NULL) IS NULL
                                    AND array_position(tags, '') IS NULL),
    CONSTRAINT products_position CHECK (position ~ '^([0-9A-Za-z]{4,255})?$'),
    CONSTRAINT products_published_at
        CHECK (status <> 'active' OR published_at IS NOT NULL),
    CONSTRAINT products_archived_at
        CHECK ((status = 'archived') = (archived_at IS NOT NULL))
);

CREATE INDEX products_by_status ON products (status, id);
CREATE INDEX products_by_vendor ON products (vendor, id);
CREATE INDEX products_by_updated_at ON products (updated_at, id);
CREATE INDEX products_by_tag ON products USING gin (tags);

COMMENT ON TABLE products IS 'What is sold; its texts are in product_i18n';
COMMENT ON COLUMN products.id IS 'Id';
COMMENT ON COLUMN products.handle IS 'Key of imports, unique, never shown';
COMMENT ON COLUMN products.status IS
    'draft: only in the admin interface; active: for sale; archived: gone';
COMMENT ON COLUMN products.type IS 'Kind of product, as the merchant names it';
COMMENT ON COLUMN products.vendor IS 'Maker or brand; NFC, trimmed';
COMMENT ON COLUMN products.tags IS 'Tags; NFC, trimmed, none twice';
COMMENT ON COLUMN products.position IS
    'Place in lists that are no category''s; from position_between()';
COMMENT ON COLUMN products.version IS 'Raised by each change; behind the ETag';
COMMENT ON COLUMN products.created_at IS 'When it was made';
COMMENT ON COLUMN products.updated_at IS 'Last change of it or its parts';
COMMENT ON COLUMN products.published_at IS
    'When it first became active: the order of newest';
COMMENT ON COLUMN products.archived_at IS 'When it was archived';


CREATE TABLE product_i18n (
    product_id      uuid NOT NULL REFERENCES products ON DELETE CASCADE,
    locale          text NOT NULL REFERENCES locales,
    title           text NOT NULL,
    description     text NOT NULL DEFAULT '',
    seo_title       text NOT NULL DEFAULT '',
    seo_description text NOT NULL DEFAULT '',
    PRIMARY KEY (product_id, locale),
    CONSTRAINT product_i18n_title CHECK (char_length(title) BETWEEN 1 AND 255),
    CONSTRAINT product_i18n_description
        CHECK (char_length(description) <= 65536),
    CONSTRAINT product_i18n_seo_title CHECK (char_length(seo_title) <= 255),
    CONSTRAINT product_i18n_seo_description
        CHECK (char_length(seo_description) <= 1000)
);

COMMENT ON TABLE product_i18n IS 'Texts of a product in one language';
COMMENT ON COLUMN product_i18n.product_id IS 'Product';
COMMENT ON COLUMN product_i18n.locale IS 'Language';
COMMENT ON COLUMN product_i18n.title IS 'Name, plain text';
COMMENT ON COLUMN product_i18n.description IS 'HTML, cleaned before it came in';
COMMENT ON COLUMN product_i18n.seo_title IS
    'Title for search engines, or empty';
COMMENT ON COLUMN product_i18n.seo_description IS
    'Description for search engines, or empty';


-- ---------------------------------------------------------------------------
-- Options

CREATE TABLE product_options (
    id         uuid     PRIMARY KEY DEFAULT shop_uuid7(),
    product_id uuid     NOT NULL REFERENCES products ON DELETE CASCADE,
    position   smallint NOT NULL DEFAULT 1,
    name       text     NOT NULL,
    CONSTRAINT product_options_name UNIQUE (product_id, name),
    CONSTRAINT product_options_of_product UNIQUE (id, product_id),
    CONSTRAINT product_options_position CHECK (position BETWEEN 1 AND 100),
    CONSTRAINT product_options_name_length
        CHECK (char_length(name) BETWEEN 1 AND 255)
);

COMMENT ON TABLE product_options IS 'What variants differ in, such as size';
COMMENT ON COLUMN product_options.id IS 'Id';
COMMENT ON COLUMN product_options.product_id IS 'Product';
COMMENT ON COLUMN product_options.position IS 'Order of showing';
COMMENT ON COLUMN product_options.name IS 'Name in the default language';


CREATE TABLE product_option_i18n (
    option_id uuid NOT NULL REFERENCES product_options ON DELETE CASCADE,
    locale    text NOT NULL REFERENCES locales,
    name      text NOT NULL,
    PRIMARY KEY (option_id, locale),
    CONSTRAINT product_option_i18n_name
        CHECK (char_length(name) BETWEEN 1 AND 255)
);

COMMENT ON TABLE product_option_i18n IS 'Name of an option in one language';
COMMENT ON COLUMN product_option_i18n.option_id IS 'Option';
COMMENT ON COLUMN product_option_i18n.locale IS 'Language';
COMMENT ON COLUMN product_option_i18n.name IS 'Name';


-- product_id is repeated so that a variant can be held to its own product.
CREATE TABLE option_values (
    id         uuid     PRIMARY KEY DEFAULT shop_uuid7(),
    option_id  uuid     NOT NULL,
    product_id uuid     NOT NULL,
    position   smallint NOT NULL DEFAULT 1,
    value      text     NOT NULL,
    CONSTRAINT option_values_value UNIQUE (option_id, value),
    CONSTRAINT option_values_option FOREIGN KEY (option_id, product_id)
        REFERENCES product_options (id, product_id) ON DELETE CASCADE,
    CONSTRAINT option_values_position CHECK (position BETWEEN 1 AND 10000),
    CONSTRAINT option_values_value_length
        CHECK (char_length(value) BETWEEN 1 AND 255)
);

CREATE INDEX option_values_by_product ON option_values (product_id);

COMMENT ON TABLE option_values IS 'What an option can be, such as large';
COMMENT ON COLUMN option_values.id IS 'Id';
COMMENT ON COLUMN option_values.option_id IS 'Option';
COMMENT ON COLUMN option_values.product_id IS 'Product of the option';
COMMENT ON COLUMN option_values.position IS 'Order of showing';
COMMENT ON COLUMN option_values.value IS 'Value in the default language';


CREATE TABLE option_value_i18n (
    value_id uuid NOT NULL REFERENCES option_values ON DELETE CASCADE,
    locale   text NOT NULL REFERENCES locales,
    value    text NOT NULL,
    PRIMARY KEY (value_id, locale),
    CONSTRAINT option_value_i18n_value
        CHECK (char_length(value) BETWEEN 1 AND 255)
);

COMMENT ON TABLE option_value_i18n IS 'An option''s value in one language';
COMMENT ON COLUMN option_value_i18n.value_id IS 'Value';
COMMENT ON COLUMN option_value_i18n.locale IS 'Language';
COMMENT ON COLUMN option_value_i18n.value IS 'Text';


-- ---------------------------------------------------------------------------
-- Media

CREATE TABLE media (
    id         uuid     PRIMARY KEY DEFAULT shop_uuid7(),
    product_id uuid     NOT NULL REFERENCES products ON DELETE CASCADE,
    kind       text     NOT NULL DEFAULT 'image',
    url        text     NOT NULL,
    alt        text     NOT NULL DEFAULT '',
    position   smallint NOT NULL DEFAULT 1,
    width      integer,
    height     integer,
    CONSTRAINT media_url UNIQUE (product_id, url),
    CONSTRAINT media_of_product UNIQUE (id, product_id),
    CONSTRAINT media_kind CHECK (kind IN ('image', 'video', 'model', 'file')),
    CONSTRAINT media_url_length CHECK (char_length(url) BETWEEN 1 AND 2000),
    CONSTRAINT media_alt CHECK (char_length(alt) <= 512),
    CONSTRAINT media_position CHECK (position BETWEEN 1 AND 10000),
    CONSTRAINT media_size
        CHECK (width BETWEEN 1 AND 100000 AND height BETWEEN 1 AND 100000)
);

COMMENT ON TABLE media IS 'Pictures of a product, by reference';
COMMENT ON COLUMN media.id IS 'Id';
COMMENT ON COLUMN media.product_id IS 'Product';
COMMENT ON COLUMN media.kind IS 'image, video, model or file';
COMMENT ON COLUMN media.url IS 'Address, or path on this server';
COMMENT ON COLUMN media.alt IS 'Description for those who cannot see it';
COMMENT ON COLUMN media.position IS 'Order of showing';
COMMENT ON COLUMN media.width IS 'Width in pixels, when known';
COMMENT ON COLUMN media.height IS 'Height in pixels, when known';


-- ---------------------------------------------------------------------------
-- Variants

CREATE FUNCTION uuid_set(ids uuid[]) RETURNS uuid[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT id ORDER BY id), '{}')
      FROM unnest(ids) id
$$;

COMMENT ON FUNCTION uuid_set(uuid[]) IS 'The ids sorted, each once';


CREATE TABLE variants (
    id                uuid        PRIMARY KEY DEFAULT shop_uuid7(),
    product_id        uuid        NOT NULL REFERENCES products
                                  ON DELETE CASCADE,
    sku               text,
    barcode           text,
    status            text        NOT NULL DEFAULT 'active',
    position          smallint    NOT NULL DEFAULT 1,
    option_value_ids  uuid[]      NOT NULL DEFAULT '{}',
    option_key        uuid[]      NOT NULL
                      GENERATED ALWAYS AS (uuid_set(option_value_ids)) STORED,
    media_id          uuid,
    weight_grams      integer     NOT NULL DEFAULT 0,
    taxable           boolean     NOT NULL DEFAULT true,
    requires_shipping boolean     NOT NULL DEFAULT true,
    in_stock          boolean     NOT NULL DEFAULT true,
    version           bigint      NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT shop_now(),
    updated_at        timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT variants_option_key UNIQUE (product_id, option_key),
    CONSTRAINT variants_sku UNIQUE (sku),
    CONSTRAINT variants_media FOREIGN KEY (media_id, product_id)
        REFERENCES media (id, product_id) ON DELETE SET NULL (media_id),
    CONSTRAINT variants_status CHECK (status IN ('active', 'archived')),
    CONSTRAINT variants_position CHECK (position BETWEEN 1 AND 10000),
    CONSTRAINT variants_sku_length CHECK (char_length(sku) BETWEEN 1 AND 255),
    CONSTRAINT variants_barcode CHECK (char_length(barcode) BETWEEN 1 AND 255),
    CONSTRAINT variants_option_value_once
        CHECK (cardinality(option_key) = cardinality(option_value_ids)),
    CONSTRAINT variants_weight_grams
        CHECK (weight_grams BETWEEN 0 AND 100000000)
);

CREATE INDEX variants_by_product ON variants (product_id, position, id);
CREATE INDEX variants_by_media ON variants (media_id)
    WHERE media_id IS NOT NULL;

COMMENT ON TABLE variants IS
    'What can be bought: one combination of option values; a product without
options has exactly one, whose option_key is empty';
COMMENT ON COLUMN variants.id IS 'Id';
COMMENT ON COLUMN variants.product_id IS 'Product';
COMMENT ON COLUMN variants.sku IS 'Stock keeping unit, unique in the shop';
COMMENT ON COLUMN variants.barcode IS 'GTIN, ISBN or other bar code';
COMMENT ON COLUMN variants.status IS 'active or archived';
COMMENT ON COLUMN variants.position IS 'Order of showing';
COMMENT ON COLUMN variants.option_value_ids IS
    'One value of each option, in the options'' order';
COMMENT ON COLUMN variants.option_key IS
    'The same as a sorted set, by which a combination is unique';
COMMENT ON COLUMN variants.media_id IS 'Its own picture among the product''s';
COMMENT ON COLUMN variants.weight_grams IS 'Weight in grams, 0 when unknown';
COMMENT ON COLUMN variants.taxable IS 'Whether tax is charged';
COMMENT ON COLUMN variants.requires_shipping IS 'False for what is not a thing';
COMMENT ON COLUMN variants.in_stock IS 'Whether it can be bought now';
COMMENT ON COLUMN variants.version IS 'Raised by each change; behind the ETag';
COMMENT ON COLUMN variants.created_at IS 'When it was made';
COMMENT ON COLUMN variants.updated_at IS 'Last change';


-- Stands for the foreign key that an array cannot have. The values are locked
-- as a foreign key would lock them, so that none goes away meanwhile.
CREATE FUNCTION variants_check_values() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.id) INTO ids FROM new_rows n
         WHERE n.option_value_ids <> '{}';
    ELSE
        SELECT array_agg(n.id) INTO ids
          FROM new_rows n JOIN old_rows o ON o.id = n.id
         WHERE (o.product_id, o.option_value_ids)
               <> (n.product_id, n.option_value_ids);
    END IF;

    IF ids IS NULL THEN
        RETURN NULL;
    END IF;

    PERFORM FROM option_values
      WHERE id IN (SELECT unnest(option_value_ids) FROM variants
                    WHERE id = ANY (ids))
      ORDER BY id FOR KEY SHARE;

    IF EXISTS (
        SELECT FROM variants v
         WHERE v.id = ANY (ids)
           AND cardinality(v.option_value_ids)
               <> (SELECT count(DISTINCT o.option_id) FROM option_values o
                    WHERE o.id = ANY (v.option_value_ids)
                      AND o.product_id = v.product_id))
    THEN
        RAISE 'a variant takes one value of an option of its own product'
            USING ERRCODE = 'foreign_key_violation',
                  CONSTRAINT = 'variants_option_values', TABLE = 'variants';
    END IF;

    RETURN NULL;
END
$$;

COMMENT ON FUNCTION variants_check_values() IS
    'Statement trigger: option_value_ids are values of the product''s options';

CREATE TRIGGER check_values_insert AFTER INSERT ON variants
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION variants_check_values();

CREATE TRIGGER check_values_update AFTER UPDATE ON variants
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION variants_check_values();


CREATE FUNCTION option_values_check_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM old_rows o
                 JOIN variants v ON v.product_id = o.product_id
                      AND o.id = ANY (v.option_value_ids))
    THEN
        RAISE 'a variant still has the value'
            USING ERRCODE = 'foreign_key_violation',
                  CONSTRAINT = 'variants_option_values', TABLE = 'variants';
    END IF;

    RETURN NULL;
END
$$;

COMMENT ON FUNCTION option_values_check_use() IS
    'Statement trigger: no variant has a value that was deleted';

CREATE TRIGGER check_use_delete AFTER DELETE ON option_values
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION option_values_check_use();


-- ---------------------------------------------------------------------------
-- Categories

CREATE TABLE categories (
    id         uuid        PRIMARY KEY DEFAULT shop_uuid7(),
    parent_id  uuid        REFERENCES categories,
    path       uuid[]      NOT NULL,
    handle     text        NOT NULL,
    position   text        NOT NULL DEFAULT '' COLLATE "C",
    status     text        NOT NULL DEFAULT 'active',
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT shop_now(),
    updated_at timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT categories_handle UNIQUE (handle),
    CONSTRAINT categories_handle_length
        CHECK (char_length(handle) BETWEEN 1 AND 255),
    CONSTRAINT categories_no_cycle CHECK (parent_id <> id),
    CONSTRAINT categories_path CHECK (path[cardinality(path)] = id),
    CONSTRAINT categories_depth CHECK (cardinality(path) <= 16),
    CONSTRAINT categories_position CHECK (position ~ '^([0-9A-Za-z]{4,255})?$'),
    CONSTRAINT categories_status
        CHECK (status IN ('active', 'hidden', 'archived'))
);

CREATE INDEX categories_by_parent ON categories (parent_id, position, id);
CREATE INDEX categories_by_path ON categories USING gin (path);

COMMENT ON TABLE categories IS 'The tree that customers browse';
COMMENT ON COLUMN categories.id IS 'Id';
COMMENT ON COLUMN categories.parent_id IS 'Category above, null at the top';
COMMENT ON COLUMN categories.path IS
    'Ids from the top down to its own; kept by triggers. The subtree of X is
path @> ARRAY[X]';
COMMENT ON COLUMN categories.handle IS 'Key of imports, unique, never shown';
COMMENT ON COLUMN categories.position IS
    'Place among its siblings; from position_between()';
COMMENT ON COLUMN categories.status IS
    'hidden: no page of its own, but its products are listed above; archived:
gone, with the address answered as such';
COMMENT ON COLUMN categories.version IS
    'Raised by each change; behind the ETag';
COMMENT ON COLUMN categories.created_at IS 'When it was made';
COMMENT ON COLUMN categories.updated_at IS 'Last change';


-- Whoever changes the tree holds this lock to the end of his transaction. It
-- is taken before the statement locks its first row: taken later, two moves
-- could each hold a row that the other's subtree needs.
CREATE FUNCTION categories_lock_tree() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('categories'), 0);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION categories_lock_tree() IS
    'Statement trigger: one transaction at a time changes the tree';

CREATE TRIGGER lock_tree BEFORE INSERT OR UPDATE OF parent_id ON categories
    FOR EACH STATEMENT EXECUTE FUNCTION categories_lock_tree();


-- FOR SHARE makes a transaction with an old snapshot fail instead of reading a
-- path that is no longer true.
CREATE FUNCTION categories_set_path() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    above uuid[];
BEGIN
    SELECT path INTO above FROM categories WHERE id = NEW.parent_id FOR SHARE;

    IF NEW.id = ANY (above) THEN
        RAISE 'a category cannot be moved below itself'
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'categories_no_cycle', TABLE = 'categories';
    END IF;

    NEW.path := coalesce(above, '{}') || NEW.id;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION categories_set_path() IS
    'Row trigger: the path follows the parent, and never leads to itself';

CREATE TRIGGER set_path BEFORE INSERT OR UPDATE OF parent_id ON categories
    FOR EACH ROW EXECUTE FUNCTION categories_set_path();


-- What lies below a moved category, and rows that were inserted before their
-- parent in one statement, get their paths here.
CREATE FUNCTION categories_set_paths_below() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM new_rows n
          LEFT JOIN categories p ON p.id = n.parent_id
          LEFT JOIN categories c ON c.parent_id = n.id
         WHERE n.path <> coalesce(p.path, '{}') || n.id
            OR c.path <> n.path || c.id)
    THEN
        RETURN NULL;
    END IF;

    WITH RECURSIVE tree AS (
        SELECT id, ARRAY[id] AS path FROM categories WHERE parent_id IS NULL
        UNION ALL
        SELECT c.id, t.path || c.id
          FROM tree t JOIN categories c ON c.parent_id = t.id)
    UPDATE categories c SET path = t.path
      FROM tree t WHERE t.id = c.id AND t.path <> c.path;

    -- Rows of one INSERT that are each other's parents hang on no top.
    IF EXISTS (SELECT FROM categories c JOIN categories p ON p.id = c.parent_id
                WHERE c.path <> p.path || c.id)
    THEN
        RAISE 'categories are each other''s parents'
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'categories_no_cycle', TABLE = 'categories';
    END IF;

    RETURN NULL;
END
$$;

COMMENT ON FUNCTION categories_set_paths_below() IS
    'Statement trigger: paths below what was moved';

CREATE TRIGGER category_paths_insert AFTER INSERT ON categories
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION categories_set_paths_below();

CREATE TRIGGER category_paths_update AFTER UPDATE ON categories
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION categories_set_paths_below();


CREATE TABLE category_i18n (
    category_id     uuid NOT NULL REFERENCES categories ON DELETE CASCADE,
    locale          text NOT NULL REFERENCES locales,
    name            text NOT NULL,
    description     text NOT NULL DEFAULT '',
    seo_title       text NOT NULL DEFAULT '',
    seo_description text NOT NULL DEFAULT '',
    PRIMARY KEY (category_id, locale),
    CONSTRAINT category_i18n_name CHECK (char_length(name) BETWEEN 1 AND 255),
    CONSTRAINT category_i18n_description
        CHECK (char_length(description) <= 65536),
    CONSTRAINT category_i18n_seo_title CHECK (char_length(seo_title) <= 255),
    CONSTRAINT category_i18n_seo_description
        CHECK (char_length(seo_description) <= 1000)
);

COMMENT ON TABLE category_i18n IS 'Texts of a category in one language';
COMMENT ON COLUMN category_i18n.category_id IS 'Category';
COMMENT ON COLUMN category_i18n.locale IS 'Language';
COMMENT ON COLUMN category_i18n.name IS 'Name, plain text';
COMMENT ON COLUMN category_i18n.description IS
    'HTML, cleaned before it came in';
COMMENT ON COLUMN category_i18n.seo_title IS
    'Title for search engines, or empty';
COMMENT ON COLUMN category_i18n.seo_description IS
    'Description for search engines, or empty';


CREATE TABLE product_categories (
    product_id  uuid NOT NULL REFERENCES products ON DELETE CASCADE,
    category_id uuid NOT NULL REFERENCES categories ON DELETE CASCADE,
    position    text NOT NULL DEFAULT '' COLLATE "C",
    PRIMARY KEY (product_id, category_id),
    CONSTRAINT product_categories_position
        CHECK (position ~ '^([0-9A-Za-z]{4,255})?$')
);

CREATE INDEX product_categories_by_category
    ON product_categories (category_id, position, product_id);

COMMENT ON TABLE product_categories IS 'Which products a category has itself';
COMMENT ON COLUMN product_categories.product_id IS 'Product';
COMMENT ON COLUMN product_categories.category_id IS 'Category';
COMMENT ON COLUMN product_categories.position IS
    'Place in the category; from position_between()';


-- A link and a move of its category that do not see each other would leave a
-- list that is true for neither: the link waits for the move.
CREATE FUNCTION product_categories_lock() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM categories
      WHERE id IN (SELECT category_id FROM new_rows)
      ORDER BY id FOR SHARE;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION product_categories_lock() IS
    'Statement trigger: a link holds its category in its place';

CREATE TRIGGER category_lock_insert AFTER INSERT ON product_categories
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION product_categories_lock();

CREATE TRIGGER category_lock_update AFTER UPDATE ON product_categories
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION product_categories_lock();


-- ---------------------------------------------------------------------------
-- Slugs

-- An underscore, which every id has, never stands in a slug: /products/{x} is
-- read in one way only.
CREATE TABLE slugs (
    kind       text NOT NULL,
    owner_id   uuid NOT NULL,
    locale     text NOT NULL REFERENCES locales,
    channel_id uuid NOT NULL REFERENCES channels
               DEFAULT '01900000-0000-7000-8000-000000000002',
    slug       text NOT NULL,
    PRIMARY KEY (kind, owner_id, locale, channel_id),
    CONSTRAINT slugs_slug UNIQUE (kind, channel_id, slug, locale),
    CONSTRAINT slugs_kind CHECK (kind IN ('product', 'category')),
    CONSTRAINT slugs_slug_form
        CHECK (char_length(slug) <= 255
               AND slug ~ '^[^A-Z/?#%_[:space:][:cntrl:]]+$')
);

COMMENT ON TABLE slugs IS 'Where a thing is found: its present address';
COMMENT ON COLUMN slugs.kind IS 'product or category';
COMMENT ON COLUMN slugs.owner_id IS 'The product or category';
COMMENT ON COLUMN slugs.locale IS 'Language';
COMMENT ON COLUMN slugs.channel_id IS 'Channel';
COMMENT ON COLUMN slugs.slug IS 'Last part of the address; normalised, unique';


CREATE TABLE redirects (
    kind       text        NOT NULL,
    locale     text        NOT NULL REFERENCES locales,
    channel_id uuid        NOT NULL REFERENCES channels,
    from_slug  text        NOT NULL,
    owner_id   uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT redirects_pkey
        PRIMARY KEY (kind, channel_id, from_slug, locale),
    CONSTRAINT redirects_kind CHECK (kind IN ('product', 'category')),
    CONSTRAINT redirects_from_slug
        CHECK (char_length(from_slug) BETWEEN 1 AND 255)
);

CREATE INDEX redirects_by_owner ON redirects (kind, owner_id);

COMMENT ON TABLE redirects IS
    'Former slugs. Each leads to the thing, whose slug is then looked up: a
chain is one step by construction';
COMMENT ON COLUMN redirects.kind IS 'product or category';
COMMENT ON COLUMN redirects.locale IS 'Language';
COMMENT ON COLUMN redirects.channel_id IS 'Channel';
COMMENT ON COLUMN redirects.from_slug IS 'The former slug';
COMMENT ON COLUMN redirects.owner_id IS 'The product or category';
COMMENT ON COLUMN redirects.created_at IS 'When the slug was given up';


-- A slug that changes leaves a redirect; a slug that is taken ends one.
CREATE FUNCTION slugs_redirect() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO redirects (kind, locale, channel_id, from_slug, owner_id)
        SELECT o.kind, o.locale, o.channel_id, o.slug, o.owner_id
          FROM old_rows o
          JOIN new_rows n USING (kind, owner_id, locale, channel_id)
         WHERE o.slug <> n.slug
        ON CONFLICT (kind, channel_id, from_slug, locale)
        DO UPDATE SET owner_id = excluded.owner_id,
                      created_at = excluded.created_at;
    END IF;

    DELETE FROM redirects r USING new_rows n
     WHERE (r.kind, r.channel_id, r.from_slug, r.locale)
           = (n.kind, n.channel_id, n.slug, n.locale);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION slugs_redirect() IS
    'Statement trigger: keeps redirects in step with slugs';

CREATE TRIGGER redirect_insert AFTER INSERT ON slugs
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION slugs_redirect();

CREATE TRIGGER redirect_update AFTER UPDATE ON slugs
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION slugs_redirect();


-- Owners are archived as a rule; when one is deleted its addresses go too.
CREATE FUNCTION slugs_delete_of_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM slugs s USING old_rows o
     WHERE s.kind = TG_ARGV[0] AND s.owner_id = o.id;
    DELETE FROM redirects r USING old_rows o
     WHERE r.kind = TG_ARGV[0] AND r.owner_id = o.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION slugs_delete_of_owner() IS
    'Statement trigger: slugs and redirects end with their owner';

CREATE TRIGGER slugs_delete AFTER DELETE ON products
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION slugs_delete_of_owner('product');

CREATE TRIGGER slugs_delete AFTER DELETE ON categories
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION slugs_delete_of_owner('category');


-- ---------------------------------------------------------------------------
-- Lists
--
-- A list is a range of one index, at any number of products. A *scope* is what
-- a list can be taken of: everything, a category with its subtree, a tag, a
-- vendor. Each active product has a row in each scope that it belongs to, in
-- each channel:
--
--   sort=position  listing_products (channel_id, scope, position, product_id)
--   sort=newest    listing_products (channel_id, scope, published_at,
--                                    product_id), read backwards
--   sort=name      listing_titles   (channel_id, scope, locale, title,
--                                    product_id)
--   sort=price     listing_prices, see the change pricing
--
-- The narrowest filter asked for (category, else tag, else vendor) is the
-- scope; further ones are conditions on the products met on the way. These
-- tables are written by triggers alone and can be made anew from the others.

CREATE TABLE listing_products (
    product_id   uuid        NOT NULL,
    channel_id   uuid        NOT NULL,
    scope        uuid        NOT NULL,
    position     text        NOT NULL COLLATE "C",
    published_at timestamptz NOT NULL,
    in_stock     boolean     NOT NULL,
    PRIMARY KEY (product_id, channel_id, scope)
);

CREATE INDEX listing_products_by_position
    ON listing_products (channel_id, scope, position, product_id);
CREATE INDEX listing_products_by_published_at
    ON listing_products (channel_id, scope, published_at, product_id);

COMMENT ON TABLE listing_products IS
    'Read model: the scopes that an active product is listed in';
COMMENT ON COLUMN listing_products.product_id IS 'Product';
COMMENT ON COLUMN listing_products.channel_id IS 'Channel';
COMMENT ON COLUMN listing_products.scope IS
    'A category''s id, or listing_scope() of a tag, a vendor, everything';
COMMENT ON COLUMN listing_products.position IS
    'Place in the category itself, else in the first category below that has
the product; elsewhere the product''s own';
COMMENT ON COLUMN listing_products.published_at IS 'The product''s';
COMMENT ON COLUMN listing_products.in_stock IS
    'Whether any active variant can be bought';


-- The root collation orders Turkish and English titles alike well enough for
-- one index to serve each language.
CREATE TABLE listing_titles (
    product_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    scope      uuid NOT NULL,
    locale     text NOT NULL,
    title      text NOT NULL COLLATE "und-x-icu",
    PRIMARY KEY (product_id, channel_id, scope, locale)
);

CREATE INDEX listing_titles_by_title
    ON listing_titles (channel_id, scope, locale, title, product_id);

COMMENT ON TABLE listing_titles IS
    'Read model: titles of listed products in every language, to sort by';
COMMENT ON COLUMN listing_titles.product_id IS 'Product';
COMMENT ON COLUMN listing_titles.channel_id IS 'Channel';
COMMENT ON COLUMN listing_titles.scope IS 'As in listing_products';
COMMENT ON COLUMN listing_titles.locale IS 'Language';
COMMENT ON COLUMN listing_titles.title IS
    'Title in it or in the first fall-back that has one, else the handle';


CREATE FUNCTION listing_scope(kind text, key text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT md5(kind || ':' || key)::uuid
$$;

COMMENT ON FUNCTION listing_scope(text, text) IS
    'Scope of lists: (all, empty), (tag, NAME), (vendor, NAME)';


-- In a load the tables have no statistics, and a planner that guesses takes
-- minutes for seconds. OFFSET 0 lets it join in no other way than product by
-- product, each by its key.
CREATE FUNCTION listing_products_of(ids uuid[])
RETURNS SETOF listing_products
LANGUAGE sql STABLE AS $$
    SELECT p.id, ch.id, s.scope, s.position, p.published_at, v.in_stock
      FROM unnest(ids) i(id)
     CROSS JOIN LATERAL (SELECT * FROM products WHERE id = i.id OFFSET 0) p
     CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM variants
                                         WHERE product_id = p.id
                                           AND status = 'active' AND in_stock)
                         OFFSET 0) v(in_stock)
     CROSS JOIN channels ch
     CROSS JOIN LATERAL (
           SELECT listing_scope('all', ''), p.position
            UNION ALL
           SELECT listing_scope('vendor', p.vendor), p.position
            WHERE p.vendor <> ''
            UNION ALL
           SELECT DISTINCT listing_scope('tag', tag), p.position
             FROM unnest(p.tags) tag
            UNION ALL
           (SELECT DISTINCT ON (above) above, pc.position
              FROM (SELECT * FROM product_categories
                     WHERE product_id = p.id OFFSET 0) pc
             CROSS JOIN LATERAL (SELECT * FROM categories
                                  WHERE id = pc.category_id OFFSET 0) c
             CROSS JOIN unnest(c.path) above
             ORDER BY above, above <> c.id, pc.position)
           ) s(scope, position)
     WHERE p.status = 'active'
$$;

COMMENT ON FUNCTION listing_products_of(uuid[]) IS
    'What listing_products should say of these products';


CREATE FUNCTION listing_titles_of(ids uuid[])
RETURNS SETOF listing_titles
LANGUAGE sql STABLE AS $$
    SELECT l.product_id, l.channel_id, l.scope, t.locale, t.title
      FROM unnest(ids) i(id)
     CROSS JOIN LATERAL (SELECT * FROM products WHERE id = i.id OFFSET 0) p
     CROSS JOIN LATERAL (
           SELECT lo.code, coalesce(
                  (SELECT x.title
                     FROM unnest(lo.code || lo.fallbacks)
                          WITH ORDINALITY f(locale, rank)
                    CROSS JOIN LATERAL (SELECT title FROM product_i18n
                                         WHERE product_id = p.id
                                           AND locale = f.locale OFFSET 0) x
                    ORDER BY f.rank LIMIT 1),
                  p.handle)
             FROM locales lo OFFSET 0) t(locale, title)
     CROSS JOIN LATERAL (SELECT * FROM listing_products
                          WHERE product_id = p.id OFFSET 0) l
$$;

COMMENT ON FUNCTION listing_titles_of(uuid[]) IS
    'What listing_titles should say of these products';


-- Writes only what differs. The products are locked first, so that of two
-- transactions that change one product the later sees what the earlier did:
-- each statement below has its own snapshot.
--
-- Compiling the statements would cost ten times what running them for one
-- product does; the other settings leave the planner, which has no statistics
-- in a load, only the plans that are good with any: by key and by hash.
CREATE FUNCTION listing_refresh(ids uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET jit = off SET enable_seqscan = off
SET enable_nestloop = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM FROM products WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;

    WITH want AS MATERIALIZED (SELECT * FROM listing_products_of(ids)),
    have AS MATERIALIZED (
        SELECT h.* FROM unnest(ids) i(id)
         CROSS JOIN LATERAL (SELECT ctid AS place, * FROM listing_products
                              WHERE product_id = i.id OFFSET 0) h),
    gone AS (
        DELETE FROM listing_products WHERE ctid = ANY (ARRAY(
            SELECT h.place FROM have h WHERE NOT EXISTS (
                SELECT FROM want w
                 WHERE (w.product_id, w.channel_id, w.scope)
                       = (h.product_id, h.channel_id, h.scope)))))
    INSERT INTO listing_products
    SELECT w.* FROM want w WHERE NOT EXISTS (
        SELECT FROM have h
         WHERE (w.product_id, w.channel_id, w.scope)
               = (h.product_id, h.channel_id, h.scope)
           AND w.position = h.position
           AND w.published_at = h.published_at AND w.in_stock = h.in_stock)
    ON CONFLICT (product_id, channel_id, scope)
    DO UPDATE SET position = excluded.position,
                  published_at = excluded.published_at,
                  in_stock = excluded.in_stock;

    WITH want AS MATERIALIZED (SELECT * FROM listing_titles_of(ids)),
    have AS MATERIALIZED (
        SELECT h.* FROM unnest(ids) i(id)
         CROSS JOIN LATERAL (SELECT ctid AS place, * FROM listing_titles
                              WHERE product_id = i.id OFFSET 0) h),
    gone AS (
        DELETE FROM listing_titles WHERE ctid = ANY (ARRAY(
            SELECT h.place FROM have h WHERE NOT EXISTS (
                SELECT FROM want w
                 WHERE (w.product_id, w.channel_id, w.scope, w.locale)
                       = (h.product_id, h.channel_id, h.scope, h.locale)))))
    INSERT INTO listing_titles
    SELECT w.* FROM want w WHERE NOT EXISTS (
        SELECT FROM have h
         WHERE (w.product_id, w.channel_id, w.scope, w.locale)
               = (h.product_id, h.channel_id, h.scope, h.locale)
           AND w.title = h.title)
    ON CONFLICT (product_id, channel_id, scope, locale)
    DO UPDATE SET title = excluded.title;
END
$$;

COMMENT ON FUNCTION listing_refresh(uuid[]) IS
    'Brings the lists in step with these products';


-- Its argument is a query over `changed` for the products whose lists may
-- change.
CREATE FUNCTION listing_touch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
BEGIN
    IF current_setting('shop.listing', true) = 'manual' THEN
        RETURN NULL;
    END IF;

    EXECUTE format('WITH changed AS (%s)
                    SELECT array_agg(DISTINCT id) FROM (%s) q(id)',
                   shop_changed(TG_OP), TG_ARGV[0])
       INTO ids;

    IF ids IS NOT NULL THEN
        PERFORM listing_refresh(ids);
    END IF;

    RETURN NULL;
END
$$;

COMMENT ON FUNCTION listing_touch() IS
    'Statement trigger: refreshes the lists of what its argument returns';

CALL shop_watch('{products}', 'listing_touch', $$SELECT id FROM changed$$);
CALL shop_watch('{product_i18n,variants,product_categories}', 'listing_touch',
                $$SELECT product_id FROM changed$$);
CALL shop_watch('{categories}', 'listing_touch',
                $$SELECT pc.product_id FROM changed c
                    JOIN product_categories pc ON pc.category_id = c.id
                   GROUP BY pc.product_id, c.id
                  HAVING count(DISTINCT c.path) > 1$$, '{UPDATE}');

-- A language or a channel more is rare, and concerns every product.
CALL shop_watch('{locales,channels}', 'listing_touch',
                $$SELECT id FROM products WHERE EXISTS (SELECT FROM changed)$$);


-- ---------------------------------------------------------------------------
-- Cache tags

CALL shop_watch('{products}', 'cache_touch',
                $$SELECT 'product:' || id FROM changed
                   UNION ALL SELECT 'products' FROM changed$$);
CALL shop_watch('{product_i18n,product_options,option_values,media,variants}',
                'cache_touch',
                $$SELECT 'product:' || product_id FROM changed
                   UNION ALL SELECT 'products' FROM changed$$);
CALL shop_watch('{product_option_i18n}', 'cache_touch',
                $$SELECT 'product:' || o.product_id
                    FROM changed c
                    JOIN product_options o ON o.id = c.option_id
                   UNION ALL SELECT 'products' FROM changed$$);
CALL shop_watch('{option_value_i18n}', 'cache_touch',
                $$SELECT 'product:' || o.product_id
                    FROM changed c JOIN option_values o ON o.id = c.value_id
                   UNION ALL SELECT 'products' FROM changed$$);

-- Lists follow the tree, and a product shows the names of its categories.
CALL shop_watch('{categories}', 'cache_touch',
                $$SELECT 'category:' || id FROM changed
                   UNION ALL SELECT unnest('{categories,products}'::text[])
                    FROM changed$$);
CALL shop_watch('{category_i18n}', 'cache_touch',
                $$SELECT 'category:' || category_id FROM changed
                   UNION ALL SELECT unnest('{categories,products}'::text[])
                    FROM changed$$);
CALL shop_watch('{product_categories}', 'cache_touch',
                $$SELECT 'product:' || product_id FROM changed
                   UNION ALL SELECT 'category:' || category_id FROM changed
                   UNION ALL SELECT 'products' FROM changed$$);

CALL shop_watch('{slugs}', 'cache_touch',
                $$SELECT kind || ':' || owner_id FROM changed
                   UNION ALL SELECT CASE kind WHEN 'product' THEN 'products'
                                              ELSE 'categories' END
                    FROM changed
                   UNION ALL SELECT 'slugs' FROM changed$$);
CALL shop_watch('{redirects}', 'cache_touch', $$SELECT 'slugs' FROM changed$$);


-- ---------------------------------------------------------------------------
-- Rights. Products, variants and categories are archived, never deleted.

GRANT SELECT, INSERT, UPDATE ON products, variants TO shop_app;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON product_i18n, product_options, product_option_i18n, option_values,
       option_value_i18n, media, category_i18n, product_categories, slugs,
       redirects
    TO shop_app;
GRANT SELECT, INSERT ON categories TO shop_app;
GRANT UPDATE (parent_id, handle, position, status, version, updated_at)
    ON categories TO shop_app;
GRANT SELECT ON listing_products, listing_titles TO shop_app;

COMMIT;
