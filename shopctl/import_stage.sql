-- import_stage.sql - what an import asks first, and where it keeps the file
-- while it looks at it: temporary tables, which end with the session.

-- sql_import_settings
-- Null is what nobody knows.
SELECT c.code, c.exponent, l.code, d.code, ch.id, p.id
  FROM channels ch
  JOIN markets m ON m.id = ch.default_market_id
  JOIN locales d ON d.is_default
  JOIN price_lists p ON p.code = 'default'
  LEFT JOIN currencies c ON c.code = coalesce($1, m.currency)
  LEFT JOIN locales l ON l.code = coalesce($2, d.code)
 WHERE ch.is_default;

-- sql_import_stage
-- Compiling statements that run once takes longer than running them.
SET jit = off;

-- A row of the file, its cells checked and in their types. A cell that is
-- wrong is null here and stands in the last two columns instead.
CREATE TEMP TABLE import_row (
    line              integer PRIMARY KEY,
    handle            text,
    slug              text,
    is_variant        boolean NOT NULL,
    title             text,
    body              text,
    vendor            text,
    category          text,
    type              text,
    tags              text[],
    published         boolean,
    status            text,
    option1_name      text,
    option1_value     text,
    option2_name      text,
    option2_value     text,
    option3_name      text,
    option3_value     text,
    sku               text,
    grams             integer,
    inventory_tracker text,
    inventory_qty     integer,
    inventory_policy  text,
    price             bigint,
    compare_at        bigint,
    requires_shipping boolean,
    taxable           boolean,
    barcode           text,
    image_src         text,
    image_position    integer,
    image_alt         text,
    variant_image     text,
    seo_title         text,
    seo_description   text,
    wrong_columns     text[],
    wrong_reasons     text[]
);

-- Every column that is taken, under the heading that the file gives it.
CREATE TEMP TABLE import_column (
    name    text PRIMARY KEY,
    heading text NOT NULL,
    present boolean NOT NULL,
    n       integer NOT NULL
);

-- One row: what the command was told.
CREATE TEMP TABLE import_run (
    locale         text NOT NULL,
    default_locale text NOT NULL,
    currency       text NOT NULL,
    channel_id     uuid NOT NULL,
    price_list_id  uuid NOT NULL
);

-- The first fault of a cell is told; what follows from it is not.
CREATE TEMP TABLE import_fault (
    line   integer NOT NULL,
    name   text,
    reason text NOT NULL,
    handle text,
    UNIQUE (line, name)
);

-- A product of the file, known by its handle, at its first row. It is plain
-- when it has no options: one variant, which may be called "Default Title".
CREATE TEMP TABLE import_first (
    handle   text PRIMARY KEY,
    line     integer NOT NULL,
    variants bigint NOT NULL,
    images   bigint NOT NULL,
    plain    boolean NOT NULL
);

-- Names of options, wherever in the product's rows they stand.
CREATE TEMP TABLE import_name (
    handle text NOT NULL,
    n      smallint NOT NULL,
    name   text NOT NULL,
    line   integer NOT NULL,
    UNIQUE (handle, n)
);

-- The plan begins here: what each thing of the file is in the database. New
-- things have their ids already.
--
-- texts_only: a file in a further language adds to a product what it is called
-- there, and leaves alone what is told by the language of the shop.
CREATE TEMP TABLE import_product (
    id         uuid PRIMARY KEY,
    handle     text NOT NULL UNIQUE,
    line       integer NOT NULL,
    is_new     boolean NOT NULL,
    texts_only boolean NOT NULL,
    has_parts  boolean NOT NULL     -- options, variants and prices are ours
);

CREATE TEMP TABLE import_option (
    product_id uuid NOT NULL,
    n          smallint NOT NULL,
    name       text NOT NULL,
    line       integer NOT NULL,
    id         uuid,
    is_new     boolean NOT NULL,
    renamed    boolean NOT NULL,
    UNIQUE (product_id, n)
);

CREATE TEMP TABLE import_value (
    product_id uuid NOT NULL,
    option_id  uuid NOT NULL,
    n          smallint NOT NULL,
    value      text NOT NULL,
    position   integer NOT NULL,
    id         uuid NOT NULL,
    is_new     boolean NOT NULL,
    UNIQUE (product_id, n, value)
);

CREATE TEMP TABLE import_image (
    product_id uuid NOT NULL,
    url        text NOT NULL,
    alt        text NOT NULL,
    position   integer NOT NULL,
    id         uuid NOT NULL,
    is_new     boolean NOT NULL,
    UNIQUE (product_id, url)
);

CREATE TEMP TABLE import_variant (
    line       integer PRIMARY KEY,
    product_id uuid NOT NULL,
    position   integer NOT NULL,
    value_ids  uuid[] NOT NULL,
    sku        text,
    id         uuid UNIQUE,
    is_new     boolean NOT NULL
);

-- Prices that are to be written; price_id is the one that holds now.
CREATE TEMP TABLE import_price (
    variant_id uuid PRIMARY KEY,
    product_id uuid NOT NULL,
    price_id   uuid,
    amount     bigint NOT NULL,
    compare_at bigint,
    from_at    timestamptz,
    until_at   timestamptz,
    in_place   boolean NOT NULL
);

-- What will be done, a row for each thing that is made, changed or removed.
CREATE TEMP TABLE import_change (
    product_id uuid NOT NULL,
    part       text NOT NULL,
    action     text NOT NULL
);

-- The products among them, numbered, so that their lists can be brought up to
-- date some at a time. Unique, as the planner may come product by product: what
-- it knows of a table from before the import is wrong after its half.
CREATE TEMP TABLE import_changed (
    n          integer PRIMARY KEY,
    product_id uuid NOT NULL UNIQUE
);

-- An id as it is shown: 128 bits in 26 letters of five, the first of three.
CREATE FUNCTION pg_temp.import_shown_id(prefix text, id uuid) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT prefix || '_' || string_agg(
               substr('0123456789abcdefghjkmnpqrstvwxyz',
                      1 + substring(bits FROM 5 * i + 1 FOR 5)::integer, 1),
               '' ORDER BY i)
      FROM (SELECT B'00' || ('x' || replace(id::text, '-', ''))::bit(128))
           b (bits)
     CROSS JOIN generate_series(0, 25) i
$$;

-- sql_import_columns
INSERT INTO import_column (name, heading, present, n)
SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[]) WITH ORDINALITY;

-- sql_import_run
INSERT INTO import_run (locale, default_locale, currency, channel_id,
                        price_list_id)
VALUES ($1, $2, $3, $4, $5);
