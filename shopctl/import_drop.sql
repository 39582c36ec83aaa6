-- import_drop.sql - leave out whole products that have a fault.

DELETE FROM import_first f USING import_fault x WHERE x.handle = f.handle;

DELETE FROM import_name n USING import_fault x WHERE x.handle = n.handle;

DELETE FROM import_row r
 WHERE NOT EXISTS (SELECT FROM import_first f WHERE f.handle = r.handle);
