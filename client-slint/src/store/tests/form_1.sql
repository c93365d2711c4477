-- A file as it was while the window was in one room at a time.
PRAGMA application_id = 1130918999;
PRAGMA user_version = 1;
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    token TEXT,
    room TEXT,
    used INTEGER NOT NULL,
    UNIQUE (server, name)
) STRICT;
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    has_older INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0,
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
    room TEXT NOT NULL,
    peer TEXT,
    text TEXT NOT NULL,
    typed INTEGER NOT NULL,
    state INTEGER NOT NULL,
    UNIQUE (account, cid)
) STRICT;
INSERT INTO accounts VALUES (1, 'chat.example:65432', 'ann', 'chat.example:65432', 'one', 'den', 1);
INSERT INTO conversations VALUES (1, 1, 0, 'den', 0, 2), (2, 1, 1, 'bob', 0, 0);
INSERT INTO messages VALUES
    (1, 1, 60000, 'bob', 'text 1', 0, NULL),
    (1, 2, 120000, 'ann', 'text 2', 1, NULL),
    (1, 3, 180000, 'bob', 'text 3', 0, NULL),
    (2, 7, 120001, 'bob', 'psst', 0, 'den');
INSERT INTO outbox VALUES
    (1, 1, 'k-1', 'den', NULL, 'waits', 1, 0),
    (2, 1, 'k-2', 'den', 'bob', 'was not wanted', 2, 1);
