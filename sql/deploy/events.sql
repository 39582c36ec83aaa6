-- Deploy shop:events to pg
-- What a transaction sets going: events, which one relay puts into their order
-- after the commit, and jobs, which are done later and again until they work.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- ---------------------------------------------------------------------------
-- Events

-- A number that the writer took would be passed by those of transactions that
-- began later and committed earlier: who remembers the largest one that he saw
-- would miss them. So an event waits here, without one, until it is committed.
CREATE TABLE outbox (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type        text        NOT NULL,
    subject     text        NOT NULL,
    payload     jsonb       NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT outbox_type CHECK (type ~ '^[a-z_]{1,40}\.[a-z_]{1,40}$'),
    CONSTRAINT outbox_subject CHECK (char_length(subject) BETWEEN 1 AND 100)
)
-- All that is written is removed again at once.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

COMMENT ON TABLE outbox IS
    'Events of committed transactions that the relay has not numbered yet';
COMMENT ON COLUMN outbox.id IS
    'In the order of writing, which for one subject is that of its lock';
COMMENT ON COLUMN outbox.type IS 'What happened, such as product.updated';
COMMENT ON COLUMN outbox.subject IS 'To what: an id as it is shown';
COMMENT ON COLUMN outbox.payload IS 'What a consumer wants to know first';
COMMENT ON COLUMN outbox.occurred_at IS 'When the transaction began';


CREATE TABLE events (
    seq         bigint      PRIMARY KEY,
    type        text        NOT NULL,
    subject     text        NOT NULL,
    payload     jsonb       NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT events_seq CHECK (seq > 0)
);

COMMENT ON TABLE events IS
    'Events in their order, without a gap; the oldest are trimmed by a job';
COMMENT ON COLUMN events.seq IS
    'Given by the relay after the commit: who remembers one misses nothing';
COMMENT ON COLUMN events.type IS 'What happened, such as product.updated';
COMMENT ON COLUMN events.subject IS 'To what: an id as it is shown';
COMMENT ON COLUMN events.payload IS 'What a consumer wants to know first';
COMMENT ON COLUMN events.occurred_at IS 'When the transaction began';
COMMENT ON COLUMN events.recorded_at IS 'When it was numbered';


-- One row; whoever numbers changes it, so that no two can.
CREATE TABLE event_relay (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    last_seq bigint  NOT NULL DEFAULT 0
);

INSERT INTO event_relay DEFAULT VALUES;

COMMENT ON TABLE event_relay IS 'How far the numbers of events have come';
COMMENT ON COLUMN event_relay.one IS 'There is one row';
COMMENT ON COLUMN event_relay.last_seq IS 'The last that was given';


CREATE TABLE event_cursors (
    subscriber text        PRIMARY KEY,
    seq        bigint      NOT NULL,
    failures   integer     NOT NULL DEFAULT 0,
    retry_at   timestamptz NOT NULL DEFAULT shop_now(),
    error      text,
    CONSTRAINT event_cursors_subscriber
        CHECK (char_length(subscriber) BETWEEN 1 AND 100)
)
WITH (fillfactor = 50);

COMMENT ON TABLE event_cursors IS
    'How far each subscriber is; moved in the transaction of what it did';
COMMENT ON COLUMN event_cursors.subscriber IS 'Its name, unique in the shop';
COMMENT ON COLUMN event_cursors.seq IS 'The last event that it has had';
COMMENT ON COLUMN event_cursors.failures IS 'How often the next one failed';
COMMENT ON COLUMN event_cursors.retry_at IS 'Not tried again before';
COMMENT ON COLUMN event_cursors.error IS 'What the last failure was';


-- ---------------------------------------------------------------------------
-- Jobs

CREATE TABLE jobs (
    id           uuid        PRIMARY KEY DEFAULT shop_uuid7(),
    kind         text        NOT NULL,
    payload      jsonb       NOT NULL DEFAULT '{}',
    run_at       timestamptz NOT NULL DEFAULT shop_now(),
    leased_until timestamptz,
    lease        interval    NOT NULL DEFAULT '1 minute',
    attempts     integer     NOT NULL DEFAULT 0,
    max_attempts integer     NOT NULL DEFAULT 10,
    error        text,
    dead_at      timestamptz,
    created_at   timestamptz NOT NULL DEFAULT shop_now(),
    CONSTRAINT jobs_kind CHECK (char_length(kind) BETWEEN 1 AND 100),
    CONSTRAINT jobs_attempts CHECK (attempts BETWEEN 0 AND max_attempts),
    CONSTRAINT jobs_dead_is_free CHECK (dead_at IS NULL
                                        OR leased_until IS NULL)
)
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- When it may be taken next: its time, or the end of the lease of whoever has
-- it and may have gone.
CREATE INDEX jobs_due ON jobs (greatest(run_at, leased_until))
 WHERE dead_at IS NULL;

COMMENT ON TABLE jobs IS
    'Work to be done; what is done is deleted in the transaction that did it';
COMMENT ON COLUMN jobs.id IS 'Id';
COMMENT ON COLUMN jobs.kind IS 'Which function of which domain does it';
COMMENT ON COLUMN jobs.payload IS 'What it is told';
COMMENT ON COLUMN jobs.run_at IS 'Not before';
COMMENT ON COLUMN jobs.leased_until IS
    'Somebody has it until then; afterwards another may take it';
COMMENT ON COLUMN jobs.lease IS 'For how long who takes it has it';
COMMENT ON COLUMN jobs.attempts IS 'How often it was taken';
COMMENT ON COLUMN jobs.max_attempts IS 'So often, then it is a dead letter';
COMMENT ON COLUMN jobs.error IS 'How the last attempt ended';
COMMENT ON COLUMN jobs.dead_at IS 'Since when nobody tries any more';
COMMENT ON COLUMN jobs.created_at IS 'When it was asked for';


-- The first time after `after` in a row that begins at a time on the wall of a
-- zone. Days and months are counted on the wall, so that three o'clock stays
-- three o'clock; hours and less are counted as they pass. An hour that the
-- clocks skip is PostgreSQL's, the next one that there is; of one that comes
-- twice it is the second. Times that were missed are not made up for.
CREATE FUNCTION shop_next_time(first timestamp, every interval, zone text,
                               after timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    calendar constant boolean := every >= interval '1 day';
    -- A month is taken for 32 days here, so that k begins at or before.
    longest constant numeric := extract(epoch FROM every)
        * CASE WHEN calendar THEN 32.0 / 30 ELSE 1 END;
    k bigint := greatest(0, floor((extract(epoch FROM after)
        - extract(epoch FROM first AT TIME ZONE zone)) / longest) - 1);
    found timestamptz;
BEGIN
    LOOP
        found := CASE WHEN calendar THEN (first + every * k) AT TIME ZONE zone
                      ELSE (first AT TIME ZONE zone) + every * k END;
        EXIT WHEN found > after;
        k := k + 1;
    END LOOP;
    RETURN found;
END
$$;

COMMENT ON FUNCTION shop_next_time(timestamp, interval, text, timestamptz) IS
    'When a schedule comes next, by the clock on the wall of its zone';


CREATE TABLE schedules (
    name         text        PRIMARY KEY,
    kind         text        NOT NULL,
    payload      jsonb       NOT NULL DEFAULT '{}',
    first_local  timestamp   NOT NULL,
    every        interval    NOT NULL,
    zone         text        NOT NULL DEFAULT 'UTC',
    next_at      timestamptz NOT NULL,
    last_at      timestamptz,
    enabled      boolean     NOT NULL DEFAULT true,
    CONSTRAINT schedules_name CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT schedules_kind CHECK (char_length(kind) BETWEEN 1 AND 100),
    CONSTRAINT schedules_every CHECK (every >= interval '1 second')
);

COMMENT ON TABLE schedules IS 'Jobs that come again and again';
COMMENT ON COLUMN schedules.name IS 'Its name';
COMMENT ON COLUMN schedules.kind IS 'Kind of the jobs that it makes';
COMMENT ON COLUMN schedules.payload IS 'What they are told';
COMMENT ON COLUMN schedules.first_local IS
    'The first time, on the wall of the zone; the others are counted from it';
COMMENT ON COLUMN schedules.every IS
    'Days and months by the calendar, hours and less as they pass';
COMMENT ON COLUMN schedules.zone IS 'Time zone, such as Europe/Istanbul';
COMMENT ON COLUMN schedules.next_at IS
    'When it comes next; worked out from the others when it is written';
COMMENT ON COLUMN schedules.last_at IS 'When it came last';
COMMENT ON COLUMN schedules.enabled IS 'Does it come at all?';


-- A zone or an interval that was changed counts at once; one that is not known
-- is refused here.
CREATE FUNCTION schedules_plan() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.next_at := shop_next_time(NEW.first_local, NEW.every, NEW.zone,
                                  shop_now());
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION schedules_plan() IS
    'Row trigger: next_at from the schedule''s other columns';

CREATE TRIGGER schedules_plan
    BEFORE INSERT OR UPDATE OF first_local, every, zone ON schedules
    FOR EACH ROW EXECUTE FUNCTION schedules_plan();

INSERT INTO schedules (name, kind, first_local, every)
VALUES ('events.trim', 'events.trim', '2025-01-01 00:17:00', '1 hour');


GRANT SELECT, INSERT, DELETE ON outbox TO shop_app;
GRANT SELECT, INSERT, DELETE ON events TO shop_app;
GRANT SELECT, UPDATE ON event_relay TO shop_app;
GRANT SELECT, INSERT, UPDATE ON event_cursors TO shop_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO shop_app;
GRANT SELECT, UPDATE (next_at, last_at) ON schedules TO shop_app;

COMMIT;
