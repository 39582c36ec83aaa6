-- Deploy shop:access to pg
-- Who may ask: keys of machines. People log in with their own tables.

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE TABLE api_keys (
    id           uuid        PRIMARY KEY DEFAULT shop_uuid7(),
    name         text        NOT NULL,
    prefix       text        NOT NULL,
    last4        text        NOT NULL,
    hash         bytea       NOT NULL,
    scopes       text[]      NOT NULL DEFAULT '{}',
    channel_id   uuid        NOT NULL REFERENCES channels
                             DEFAULT '01900000-0000-7000-8000-000000000002',
    created_at   timestamptz NOT NULL DEFAULT shop_now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    CONSTRAINT api_keys_hash UNIQUE (hash),
    CONSTRAINT api_keys_hash_length CHECK (octet_length(hash) = 32),
    CONSTRAINT api_keys_name CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT api_keys_prefix CHECK (char_length(prefix) BETWEEN 1 AND 20),
    CONSTRAINT api_keys_last4 CHECK (char_length(last4) = 4),
    CONSTRAINT api_keys_scopes CHECK (cardinality(scopes) <= 100),
    CONSTRAINT api_keys_expires_at CHECK (expires_at > created_at)
);

COMMENT ON TABLE api_keys IS 'Keys by which machines use the admin interface';
COMMENT ON COLUMN api_keys.id IS 'Id';
COMMENT ON COLUMN api_keys.name IS 'What the key is for';
COMMENT ON COLUMN api_keys.prefix IS 'First characters, to tell keys apart';
COMMENT ON COLUMN api_keys.last4 IS 'Last four characters, for the same';
COMMENT ON COLUMN api_keys.hash IS
    'SHA-256 of the key, which is 256 random bits and stored nowhere';
COMMENT ON COLUMN api_keys.scopes IS 'What it may do, such as products.write';
COMMENT ON COLUMN api_keys.channel_id IS 'Channel that it works in';
COMMENT ON COLUMN api_keys.created_at IS 'When it was made';
COMMENT ON COLUMN api_keys.expires_at IS 'From then on it is refused';
COMMENT ON COLUMN api_keys.revoked_at IS 'When it was taken back';
COMMENT ON COLUMN api_keys.last_used_at IS 'Last use, about to the minute';

GRANT SELECT, INSERT, UPDATE ON api_keys TO shop_app;

COMMIT;
