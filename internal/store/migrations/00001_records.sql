-- +goose Up
-- Common subset of SQLite and PostgreSQL. Instants are BIGINT microseconds UTC, 0 = none; days are TEXT
-- "2006-01-02", '' = none; lists are JSON text.

-- epoch, run and event number things; edition and mail are only locked: to number the editions of a day one at a time, and so that
-- a mail event and the message id that it names cannot miss each other.
CREATE TABLE counter (
    name  TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('epoch', 0), ('run', 0), ('event', 0), ('edition', 0), ('mail', 0);

CREATE TABLE event (
    seq  BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    run  TEXT NOT NULL,
    task TEXT NOT NULL,
    node TEXT NOT NULL,
    day  TEXT NOT NULL,
    at   BIGINT NOT NULL
);
CREATE INDEX event_at ON event (at);

CREATE TABLE run (
    id       TEXT NOT NULL PRIMARY KEY,
    number   BIGINT NOT NULL UNIQUE,
    cause    TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    reason   TEXT NOT NULL,
    day      TEXT NOT NULL,
    through  TEXT NOT NULL,
    nodes    TEXT NOT NULL,
    forced   TEXT NOT NULL,
    state    TEXT NOT NULL,
    epoch    BIGINT NOT NULL,
    asked    BIGINT NOT NULL,
    started  BIGINT NOT NULL,
    ended    BIGINT NOT NULL,
    tasks    BIGINT NOT NULL,
    done     BIGINT NOT NULL,
    failed   BIGINT NOT NULL,
    error    TEXT NOT NULL
);
CREATE INDEX run_state ON run (state, number);

-- seq is the event that added the task: unlike ids, it never goes back with the clock.
CREATE TABLE task (
    id           TEXT NOT NULL PRIMARY KEY,
    run          TEXT NOT NULL REFERENCES run (id),
    node         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    day          TEXT NOT NULL,
    state        TEXT NOT NULL,
    attempt      BIGINT NOT NULL,
    why          TEXT NOT NULL,
    row_count    BIGINT NOT NULL,
    rows_in      BIGINT NOT NULL,
    rejected     BIGINT NOT NULL,
    deduplicated BIGINT NOT NULL,
    fingerprint  TEXT NOT NULL,
    output       TEXT NOT NULL,
    error        TEXT NOT NULL,
    hint         TEXT NOT NULL,
    progress     DOUBLE PRECISION NOT NULL,
    started      BIGINT NOT NULL,
    ended        BIGINT NOT NULL,
    epoch        BIGINT NOT NULL,
    seq          BIGINT NOT NULL UNIQUE
);
CREATE INDEX task_run ON task (run, seq);
CREATE INDEX task_node ON task (node, day, seq);
CREATE INDEX task_day ON task (day, node, seq);

CREATE TABLE attempt (
    task    TEXT NOT NULL REFERENCES task (id),
    number  BIGINT NOT NULL,
    state   TEXT NOT NULL,
    error   TEXT NOT NULL,
    started BIGINT NOT NULL,
    ended   BIGINT NOT NULL,
    PRIMARY KEY (task, number)
);

CREATE TABLE log (
    seq     BIGINT NOT NULL PRIMARY KEY,
    task    TEXT NOT NULL,
    run     TEXT NOT NULL,
    level   TEXT NOT NULL,
    message TEXT NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX log_task ON log (task, seq);

CREATE TABLE build (
    node         TEXT NOT NULL,
    day          TEXT NOT NULL,
    kind         TEXT NOT NULL,
    as_of        TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    output       TEXT NOT NULL,
    row_count    BIGINT NOT NULL,
    rows_in      BIGINT NOT NULL,
    rejected     BIGINT NOT NULL,
    deduplicated BIGINT NOT NULL,
    inputs       TEXT NOT NULL,
    definition   TEXT NOT NULL,
    state        TEXT NOT NULL,
    run          TEXT NOT NULL,
    task         TEXT NOT NULL,
    at           BIGINT NOT NULL,
    note         TEXT NOT NULL,
    PRIMARY KEY (node, day)
);
CREATE INDEX build_day ON build (day, node);

CREATE TABLE check_result (
    node     TEXT NOT NULL,
    day      TEXT NOT NULL,
    name     TEXT NOT NULL,
    severity TEXT NOT NULL,
    state    TEXT NOT NULL,
    value    TEXT NOT NULL,
    want     TEXT NOT NULL,
    examples TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (node, day, name)
);

CREATE TABLE occurrence (
    schedule TEXT NOT NULL,
    day      TEXT NOT NULL,
    due      BIGINT NOT NULL,
    claimed  BIGINT NOT NULL,
    finished BIGINT NOT NULL,
    state    TEXT NOT NULL,
    run      TEXT NOT NULL,
    note     TEXT NOT NULL,
    PRIMARY KEY (schedule, day)
);

CREATE TABLE cursor (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Calls counted against the quota of an API; span is the time that it is for.
CREATE TABLE allowance (
    name TEXT NOT NULL,
    span TEXT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (name, span)
);

CREATE TABLE edition (
    id       TEXT NOT NULL PRIMARY KEY,
    report   TEXT NOT NULL,
    day      TEXT NOT NULL,
    number   BIGINT NOT NULL,
    kind     TEXT NOT NULL,
    corrects BIGINT NOT NULL,
    hash     TEXT NOT NULL,
    state    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    path     TEXT NOT NULL,
    locales  TEXT NOT NULL,
    created  BIGINT NOT NULL,
    released BIGINT NOT NULL,
    run      TEXT NOT NULL,
    UNIQUE (report, day, number)
);
CREATE INDEX edition_state ON edition (state, day);

CREATE TABLE person (
    id            TEXT NOT NULL PRIMARY KEY,
    address       TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    locale        TEXT NOT NULL,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    disabled      BOOLEAN NOT NULL,
    created       BIGINT NOT NULL
);

CREATE TABLE membership (
    person TEXT NOT NULL REFERENCES person (id),
    name   TEXT NOT NULL,
    PRIMARY KEY (person, name)
);
CREATE INDEX membership_name ON membership (name, person);

CREATE TABLE session (
    hash    TEXT NOT NULL PRIMARY KEY,
    person  TEXT NOT NULL REFERENCES person (id),
    csrf    TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX session_person ON session (person);

CREATE TABLE token (
    purpose TEXT NOT NULL,
    hash    TEXT NOT NULL,
    person  TEXT REFERENCES person (id),
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used    BIGINT NOT NULL,
    PRIMARY KEY (purpose, hash)
);

CREATE TABLE sign_in (
    id      TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    ok      BOOLEAN NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX sign_in_subject ON sign_in (subject, at);

-- One edition goes to one person once, whatever is planned again.
CREATE TABLE delivery (
    id         TEXT NOT NULL PRIMARY KEY,
    edition    TEXT NOT NULL REFERENCES edition (id),
    person     TEXT NOT NULL REFERENCES person (id),
    address    TEXT NOT NULL,
    locale     TEXT NOT NULL,
    variant    TEXT NOT NULL,
    cause      TEXT NOT NULL,
    state      TEXT NOT NULL,
    message_id TEXT NOT NULL,
    error      TEXT NOT NULL,
    attempt    BIGINT NOT NULL,
    planned    BIGINT NOT NULL,
    sent       BIGINT NOT NULL,
    delivered  BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    path       TEXT NOT NULL,
    epoch      BIGINT NOT NULL,
    UNIQUE (edition, person)
);
CREATE INDEX delivery_edition ON delivery (edition, state);
CREATE INDEX delivery_person ON delivery (person, planned);
CREATE INDEX delivery_message ON delivery (message_id);
CREATE INDEX delivery_updated ON delivery (updated);

-- Events come twice; the second one meets the first. delivery is null while no delivery is known to have the message id.
CREATE TABLE mail_event (
    id         TEXT NOT NULL PRIMARY KEY,
    message_id TEXT NOT NULL,
    delivery   TEXT REFERENCES delivery (id),
    kind       TEXT NOT NULL,
    address    TEXT NOT NULL,
    detail     TEXT NOT NULL,
    permanent  BOOLEAN NOT NULL,
    at         BIGINT NOT NULL,
    received   BIGINT NOT NULL,
    UNIQUE (message_id, kind, address, at)
);
CREATE INDEX mail_event_delivery ON mail_event (delivery, at);

CREATE TABLE suppression (
    address TEXT NOT NULL PRIMARY KEY,
    reason  TEXT NOT NULL,
    source  TEXT NOT NULL,
    since   BIGINT NOT NULL,
    seen    BIGINT NOT NULL
);

CREATE TABLE subscription (
    person  TEXT NOT NULL REFERENCES person (id),
    report  TEXT NOT NULL,
    cadence TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (person, report)
);
CREATE INDEX subscription_report ON subscription (report);

-- Not hashed: the next mail carries the same token again.
CREATE TABLE unsubscribe_token (
    token   TEXT NOT NULL PRIMARY KEY,
    person  TEXT NOT NULL REFERENCES person (id),
    report  TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (report, person)
);

CREATE TABLE hold (
    report  TEXT NOT NULL,
    day     TEXT NOT NULL,
    reason  TEXT NOT NULL,
    held_by TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (report, day)
);

CREATE TABLE incident (
    id      TEXT NOT NULL PRIMARY KEY,
    topic   TEXT NOT NULL,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    day     TEXT NOT NULL,
    reason  TEXT NOT NULL,
    run     TEXT NOT NULL,
    opened  BIGINT NOT NULL,
    closed  BIGINT NOT NULL
);
CREATE UNIQUE INDEX incident_open ON incident (topic) WHERE closed = 0;
CREATE INDEX incident_opened ON incident (opened);

CREATE TABLE alert (
    id       TEXT NOT NULL PRIMARY KEY,
    incident TEXT REFERENCES incident (id),
    channel  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    body     TEXT NOT NULL,
    state    TEXT NOT NULL,
    error    TEXT NOT NULL,
    attempt  BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    next     BIGINT NOT NULL
);
CREATE INDEX alert_due ON alert (state, next);

CREATE TABLE audit (
    id      TEXT NOT NULL PRIMARY KEY,
    done_by TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);
