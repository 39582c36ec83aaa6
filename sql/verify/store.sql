-- Verify shop:store on pg

BEGIN;

SELECT code, exponent, symbol, name FROM currencies WHERE false;
SELECT code, name, fallbacks, is_default FROM locales WHERE false;
SELECT id, code, name, countries, currency, currencies, locale, locales,
       tax_display, version, created_at, updated_at
  FROM markets WHERE false;
SELECT id, code, name, default_market_id, is_default, version, created_at,
       updated_at
  FROM channels WHERE false;

SELECT 1 / count(*) FROM channels WHERE is_default;
SELECT 1 / count(*) FROM locales WHERE is_default;
SELECT 1 / has_table_privilege('shop_app', 'channels', 'SELECT')::int;
SELECT 1 / (NOT has_table_privilege('shop_app', 'channels', 'UPDATE'))::int;

ROLLBACK;
