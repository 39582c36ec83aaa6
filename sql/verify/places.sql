-- Verify shop:places on pg

BEGIN;

SELECT 1 / (count(*) = 5)::int
  FROM positions_between('V000', 'V001', 5);

SELECT 1 / (product_place(NULL, NULL, NULL, true) IS NULL)::int;

ROLLBACK;
