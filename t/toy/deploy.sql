-- Deploy shop:toy to pg
-- A table for the tests of core/, with a constraint of each kind.

BEGIN;

CREATE TABLE toys (
    id        uuid    PRIMARY KEY DEFAULT shop_uuid7(),
    name      text    NOT NULL,
    label     text,
    note      text,
    quantity  bigint  NOT NULL DEFAULT 0,
    fresh_for bigint,
    version   bigint  NOT NULL DEFAULT 1,
    CONSTRAINT toys_name UNIQUE (name),
    CONSTRAINT toys_label UNIQUE (label) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT toys_quantity CHECK (quantity >= 0)
);

-- What subscribers and jobs did; nothing keeps it from being there twice.
CREATE TABLE toy_effects (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what    text   NOT NULL,
    subject text   NOT NULL,
    n       bigint NOT NULL
);

CALL shop_watch('{toys}', 'cache_touch',
                $$SELECT 'toy:' || id FROM changed
                  UNION ALL SELECT 'toys' FROM changed$$);

GRANT SELECT, INSERT, UPDATE, DELETE ON toys TO shop_app;
GRANT INSERT ON toy_effects TO shop_app;

COMMIT;
