-- import_lock.sql - nobody else changes the products of the file meanwhile,
-- and of two imports one waits for the other.

SET LOCAL lock_timeout = '30s';

SELECT pg_advisory_xact_lock(hashtext('shopctl import'));

-- The plan is made after this, and so sees what whoever was first has done.
SELECT count(*)
  FROM (SELECT id FROM products
         WHERE handle IN (SELECT handle FROM import_first)
         ORDER BY id FOR NO KEY UPDATE) locked;
