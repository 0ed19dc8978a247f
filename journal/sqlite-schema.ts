/** Tables of a journal on SQLite. */
export const JOURNAL_SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key TEXT,   -- NULL when trimmed
    body BLOB   -- NULL when trimmed
  ) STRICT;
  CREATE TABLE IF NOT EXISTS followers (name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS trimmed (one INTEGER PRIMARY KEY CHECK (one = 1), before INTEGER NOT NULL) STRICT;
`;
