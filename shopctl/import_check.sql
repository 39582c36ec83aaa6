-- import_check.sql - what the cells of one row cannot tell: whether the rows
-- of the file fit together. Each statement adds to import_fault.

INSERT INTO import_fault (line, name, reason, handle)
SELECT r.line, w.name, w.reason, r.handle
  FROM import_row r,
       unnest(r.wrong_columns, r.wrong_reasons) w (name, reason)
 WHERE r.wrong_columns IS NOT NULL
ON CONFLICT DO NOTHING;

INSERT INTO import_first (handle, line, variants, images, plain)
SELECT handle, min(line), count(*) FILTER (WHERE is_variant),
       count(image_src),
       count(*) FILTER (WHERE is_variant) = 1
       AND coalesce(bool_and(coalesce(option1_value, 'Default Title')
                             = 'Default Title'
                             AND option2_value IS NULL
                             AND option3_value IS NULL)
                    FILTER (WHERE is_variant), false)
  FROM import_row
 WHERE handle IS NOT NULL
 GROUP BY handle;

ANALYZE import_row, import_first;

INSERT INTO import_fault (line, name, reason, handle)
SELECT f.line, 'title', 'is empty; the first row of a product gives its title',
       f.handle
  FROM import_first f
  JOIN import_row r ON r.line = f.line
 WHERE r.title IS NULL
ON CONFLICT DO NOTHING;

INSERT INTO import_fault (line, name, reason, handle)
SELECT line, 'handle', 'makes the same address as the handle on line '
       || first, handle
  FROM (SELECT f.*, min(f.line) OVER (PARTITION BY r.slug) AS first
          FROM import_first f
          JOIN import_row r ON r.line = f.line
         WHERE r.slug IS NOT NULL) f
 WHERE line <> first
ON CONFLICT DO NOTHING;

INSERT INTO import_fault (line, name, reason, handle)
SELECT f.line, 'price', 'is empty in every row of the product', f.handle
  FROM import_first f
 WHERE f.variants = 0
   AND (SELECT present FROM import_column WHERE name = 'price')
ON CONFLICT DO NOTHING;

INSERT INTO import_fault (line, name, reason, handle)
SELECT line, 'price', 'is empty', handle
  FROM import_row
 WHERE is_variant AND price IS NULL
   AND (SELECT present FROM import_column WHERE name = 'price')
ON CONFLICT DO NOTHING;

INSERT INTO import_fault (line, name, reason, handle)
SELECT line, 'handle', 'has more than 10000 variants or images', handle
  FROM import_first
 WHERE variants > 10000 OR images > 10000
ON CONFLICT DO NOTHING;

INSERT INTO import_name (handle, n, name, line)
SELECT DISTINCT ON (r.handle, o.n) r.handle, o.n, o.name, r.line
  FROM import_first f
  JOIN import_row r ON r.handle = f.handle
 CROSS JOIN LATERAL (VALUES (1, r.option1_name), (2, r.option2_name),
                            (3, r.option3_name)) o (n, name)
 WHERE NOT f.plain AND o.name IS NOT NULL
 ORDER BY r.handle, o.n, r.line;

ANALYZE import_name;

INSERT INTO import_fault (line, name, reason, handle)
SELECT b.line, 'option' || b.n || '_name',
       'is the name of option ' || a.n || ' too', b.handle
  FROM import_name a
  JOIN import_name b USING (handle, name)
 WHERE a.n < b.n
ON CONFLICT DO NOTHING;

INSERT INTO import_fault (line, name, reason, handle)
SELECT r.line, 'option' || v.n || CASE WHEN n.name IS NULL THEN '_name'
                                       ELSE '_value' END,
       CASE WHEN n.name IS NULL
            THEN 'is empty, and the row has a value for it'
            ELSE format('is empty; each variant needs its %s', n.name) END,
       r.handle
  FROM import_first f
  JOIN import_row r ON r.handle = f.handle
 CROSS JOIN LATERAL (VALUES (1, r.option1_value), (2, r.option2_value),
                            (3, r.option3_value)) v (n, value)
  LEFT JOIN import_name n ON n.handle = r.handle AND n.n = v.n
 WHERE r.is_variant AND NOT f.plain AND (n.name IS NULL) <> (v.value IS NULL)
ON CONFLICT DO NOTHING;

INSERT INTO import_fault (line, name, reason, handle)
SELECT line, 'option1_value', 'repeats the options of line ' || first, handle
  FROM (SELECT line, handle,
               min(line) OVER (PARTITION BY handle, option1_value,
                               option2_value, option3_value) AS first
          FROM import_row
         WHERE is_variant AND handle IS NOT NULL) r
 WHERE line <> first
ON CONFLICT DO NOTHING;

INSERT INTO import_fault (line, name, reason, handle)
SELECT line, 'sku', format('"%s" stands on line %s already', sku, first),
       handle
  FROM (SELECT line, handle, sku,
               min(line) OVER (PARTITION BY sku) AS first
          FROM import_row
         WHERE is_variant AND sku IS NOT NULL) r
 WHERE line <> first
ON CONFLICT DO NOTHING;
