-- Deploy shop:store to pg
-- Where the shop sells: currencies, languages, markets, channels.

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE TABLE currencies (
    code     text     PRIMARY KEY,
    exponent smallint NOT NULL,
    symbol   text     NOT NULL,
    name     text     NOT NULL,
    CONSTRAINT currencies_code CHECK (code ~ '^[A-Z]{3}$'),
    CONSTRAINT currencies_exponent CHECK (exponent BETWEEN 0 AND 4),
    CONSTRAINT currencies_symbol CHECK (char_length(symbol) BETWEEN 1 AND 8),
    CONSTRAINT currencies_name CHECK (char_length(name) BETWEEN 1 AND 100)
);

COMMENT ON TABLE currencies IS 'Currencies that prices may be given in';
COMMENT ON COLUMN currencies.code IS 'ISO 4217, three capitals';
COMMENT ON COLUMN currencies.exponent IS
    'Digits after the point: amounts are in units of 10^-exponent';
COMMENT ON COLUMN currencies.symbol IS 'Sign for showing';
COMMENT ON COLUMN currencies.name IS 'English name';

INSERT INTO currencies (code, exponent, symbol, name)
VALUES ('TRY', 2, '₺', 'Turkish lira'),
       ('EUR', 2, '€', 'Euro'),
       ('USD', 2, '$', 'US dollar');


CREATE TABLE locales (
    code       text    PRIMARY KEY,
    name       text    NOT NULL,
    fallbacks  text[]  NOT NULL DEFAULT '{}',
    is_default boolean NOT NULL DEFAULT false,
    CONSTRAINT locales_code CHECK (code ~ '^[a-z]{2,3}(-[A-Z][A-Za-z]{1,3})?$'),
    CONSTRAINT locales_name CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT locales_fallbacks
        CHECK (code <> ALL (fallbacks) AND cardinality(fallbacks) <= 8)
);

CREATE UNIQUE INDEX locales_one_default ON locales (is_default)
    WHERE is_default;

COMMENT ON TABLE locales IS 'Languages that texts may be written in';
COMMENT ON COLUMN locales.code IS 'BCP 47: language, or language and region';
COMMENT ON COLUMN locales.name IS 'Name in the language itself';
COMMENT ON COLUMN locales.fallbacks IS
    'Where to look, in this order, for a text that is missing in this language';
COMMENT ON COLUMN locales.is_default IS
    'The language of imports and of names without a translation';

INSERT INTO locales (code, name, fallbacks, is_default)
VALUES ('en', 'English', '{}', true),
       ('tr', 'Türkçe', '{en}', false);


CREATE TABLE markets (
    id          uuid        PRIMARY KEY DEFAULT shop_uuid7(),
    code        text        NOT NULL,
    name        text        NOT NULL,
    countries   text[]      NOT NULL,
    currency    text        NOT NULL REFERENCES currencies,
    currencies  text[]      NOT NULL,
    locale      text        NOT NULL REFERENCES locales,
    locales     text[]      NOT NULL,
    tax_display text        NOT NULL DEFAULT 'gross',
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT shop_now(),
    updated_at  timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT markets_code UNIQUE (code),
    CONSTRAINT markets_code_form CHECK (code ~ '^[a-z0-9][a-z0-9-]{0,49}$'),
    CONSTRAINT markets_name CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT markets_countries CHECK (cardinality(countries) <= 300),
    CONSTRAINT markets_currency CHECK (currency = ANY (currencies)),
    CONSTRAINT markets_locale CHECK (locale = ANY (locales)),
    CONSTRAINT markets_tax_display CHECK (tax_display IN ('gross', 'net'))
);

COMMENT ON TABLE markets IS 'Groups of countries that are sold to alike';
COMMENT ON COLUMN markets.id IS 'Id';
COMMENT ON COLUMN markets.code IS 'Short name, unique';
COMMENT ON COLUMN markets.name IS 'Name for people';
COMMENT ON COLUMN markets.countries IS 'ISO 3166 codes of its countries';
COMMENT ON COLUMN markets.currency IS 'Currency when none is asked for';
COMMENT ON COLUMN markets.currencies IS 'Currencies that may be asked for';
COMMENT ON COLUMN markets.locale IS 'Language when none is asked for';
COMMENT ON COLUMN markets.locales IS 'Languages that may be asked for';
COMMENT ON COLUMN markets.tax_display IS 'gross: prices include tax; or net';
COMMENT ON COLUMN markets.version IS 'Raised by each change; behind the ETag';
COMMENT ON COLUMN markets.created_at IS 'When it was made';
COMMENT ON COLUMN markets.updated_at IS 'Last change';

INSERT INTO markets (id, code, name, countries, currency, currencies, locale,
                     locales)
VALUES ('01900000-0000-7000-8000-000000000001', 'default', 'Home market',
        '{TR}', 'TRY', '{TRY,EUR,USD}', 'en', '{en,tr}');


CREATE TABLE channels (
    id                uuid        PRIMARY KEY DEFAULT shop_uuid7(),
    code              text        NOT NULL,
    name              text        NOT NULL,
    default_market_id uuid        NOT NULL REFERENCES markets,
    is_default        boolean     NOT NULL DEFAULT false,
    version           bigint      NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT shop_now(),
    updated_at        timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT channels_code UNIQUE (code),
    CONSTRAINT channels_code_form CHECK (code ~ '^[a-z0-9][a-z0-9-]{0,49}$'),
    CONSTRAINT channels_name CHECK (char_length(name) BETWEEN 1 AND 100)
);

CREATE UNIQUE INDEX channels_one_default ON channels (is_default)
    WHERE is_default;

COMMENT ON TABLE channels IS
    'Ways to the customer: a web shop, a marketplace, a till';
COMMENT ON COLUMN channels.id IS 'Id';
COMMENT ON COLUMN channels.code IS 'Short name, unique';
COMMENT ON COLUMN channels.name IS 'Name of the shop as customers see it';
COMMENT ON COLUMN channels.default_market_id IS
    'Market of who has not said where he is';
COMMENT ON COLUMN channels.is_default IS
    'Channel of requests that name none; there is one';
COMMENT ON COLUMN channels.version IS 'Raised by each change; behind the ETag';
COMMENT ON COLUMN channels.created_at IS 'When it was made';
COMMENT ON COLUMN channels.updated_at IS 'Last change';

INSERT INTO channels (id, code, name, default_market_id, is_default)
VALUES ('01900000-0000-7000-8000-000000000002', 'default', 'Web shop',
        '01900000-0000-7000-8000-000000000001', true);


CALL shop_watch('{currencies}', 'cache_touch', $$SELECT 'store' FROM changed$$);
CALL shop_watch('{locales}', 'cache_touch', $$SELECT 'store' FROM changed$$);
CALL shop_watch('{markets}', 'cache_touch', $$SELECT 'store' FROM changed$$);
CALL shop_watch('{channels}', 'cache_touch', $$SELECT 'store' FROM changed$$);

GRANT SELECT ON currencies, locales, markets, channels TO shop_app;

COMMIT;
