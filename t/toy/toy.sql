-- sql_toy(id uuid) maybe struct toy
SELECT id, name, label, note, quantity, fresh_for, version
  FROM toys WHERE id = :id;

-- sql_toy_locked(id uuid) maybe struct toy
SELECT id, name, label, note, quantity, fresh_for, version
  FROM toys WHERE id = :id FOR UPDATE;

-- sql_toys() many struct toy
SELECT id, name, label, note, quantity, fresh_for, version
  FROM toys ORDER BY id;

-- sql_toy_insert(struct toy) none
INSERT INTO toys (id, name, label, note, quantity, fresh_for)
VALUES (:id, :name, :label, :note, :quantity, :fresh_for);

-- sql_toy_update(struct toy) none
UPDATE toys
   SET name = :name, label = :label, note = :note, quantity = :quantity,
       fresh_for = :fresh_for, version = version + 1
 WHERE id = :id;

-- sql_toy_add(id uuid, amount int) none
UPDATE toys SET quantity = quantity + :amount WHERE id = :id;

-- sql_toy_note(id uuid, note text) none
UPDATE toys SET note = :note WHERE id = :id;

-- sql_toy_effect(what text, subject text, amount int) none
INSERT INTO toy_effects (what, subject, n)
VALUES (:what, :subject, :amount);

-- sql_toy_named(name text) maybe struct toy
SELECT id, name, label, note, quantity, fresh_for, version
  FROM toys WHERE name = :name;

-- sql_counted(rows int, width int) each struct counted
-- In FROM all rows of the function would be made before the first is given.
SELECT n, repeat(chr(97 + (n % 26)::integer), :width::integer) AS text
  FROM (SELECT generate_series(1, :rows::bigint) AS n) s;
