-- A file as it was before friends were kept in it.
PRAGMA application_id = 1130918999;
PRAGMA user_version = 2;
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    token TEXT,
    place TEXT,
    used INTEGER NOT NULL,
    place_kind INTEGER NOT NULL DEFAULT 0,
    is_multi INTEGER NOT NULL DEFAULT 0,
    UNIQUE (server, name)
) STRICT;
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    has_older INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0,
    is_place INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, kind, name)
) STRICT;
CREATE TABLE messages (
    conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    ts INTEGER NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    is_own INTEGER NOT NULL,
    shown_in TEXT,
    PRIMARY KEY (conversation, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX private_messages ON messages (conversation, shown_in, ts) WHERE shown_in IS NOT NULL;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    cid TEXT NOT NULL,
    place TEXT NOT NULL,
    peer TEXT,
    text TEXT NOT NULL,
    typed INTEGER NOT NULL,
    state INTEGER NOT NULL,
    kind INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, cid)
) STRICT;
INSERT INTO accounts VALUES (1, 'chat.example:65432', 'ann', 'chat.example:65432', 'one', 'bob', 1, 1, 1);
INSERT INTO conversations VALUES (1, 1, 0, 'den', 0, 2, 1), (2, 1, 1, 'bob', 0, 0, 1);
INSERT INTO messages VALUES
    (1, 1, 60000, 'bob', 'text 1', 0, NULL),
    (2, 7, 120001, 'bob', 'psst', 0, NULL);
INSERT INTO outbox VALUES (1, 1, 'k-1', 'den', NULL, 'waits', 1, 0, 0);
