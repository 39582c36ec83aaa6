-- import_report.sql - what an import says at its end.

-- sql_import_faults
SELECT f.line, c.heading, f.reason
  FROM import_fault f
  LEFT JOIN import_column c ON c.name = f.name
 ORDER BY f.line, c.n, f.reason;

-- sql_import_products
-- A product with what of it is made, changed or removed.
SELECT p.handle, p.line, CASE WHEN p.is_new THEN 'created' ELSE 'updated' END,
       array_agg(DISTINCT c.part ORDER BY c.part)
  FROM import_product p
  JOIN import_change c ON c.product_id = p.id
 GROUP BY p.id
 ORDER BY p.line;

-- sql_import_counts
SELECT part, action, n
  FROM (SELECT 'products' AS part, action, count(*) AS n
          FROM (SELECT CASE WHEN p.is_new THEN 'created'
                            WHEN EXISTS (SELECT FROM import_changed c
                                          WHERE c.product_id = p.id)
                            THEN 'updated'
                            ELSE 'unchanged' END AS action
                  FROM import_product p) p
         GROUP BY action
         UNION ALL
        SELECT 'products', 'left out', count(DISTINCT handle)
          FROM import_fault
        HAVING count(handle) > 0
         UNION ALL
        SELECT part, action, count(*) FROM import_change
         WHERE part <> 'details'
         GROUP BY part, action) counts
 ORDER BY part <> 'products', part, action;
