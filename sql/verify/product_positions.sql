-- Verify shop:product_positions on pg

BEGIN;

SELECT 'products_by_position'::regclass;

ROLLBACK;
