-- sql_store() maybe struct store
-- The default channel and its market; there is exactly one.
SELECT c.id AS channel_id, c.code AS channel, c.name, m.currency,
       m.currencies, m.locale, m.locales
  FROM channels c
  JOIN markets m ON m.id = c.default_market_id
 WHERE c.is_default;
