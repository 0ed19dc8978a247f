/** Defects that are planted to see that the checks find them. Nothing of this is in the product. */
import type { DatabaseSync } from 'node:sqlite';
import type { RecordStore } from '../../ingest-service/record/record-sqlite.ts';
import type { Journal } from '../../journal/journal.ts';

export const CONTROLS = [
  'synchronous-normal',
  'early-acknowledgement',
  'doubles-not-checked',
  'tiles-not-synced',
  'revocations-ignored',
  'withheld-without-reason',
  'filing-skips-readings',
] as const;
export type Control = (typeof CONTROLS)[number];

/** Changes what SQLite is told. */
export function spoiledSql(control: Control | undefined): (sql: string) => string {
  if (control === 'synchronous-normal') {
    return (sql) =>
      // What asks for the setting must go on hearing FULL.
      sql === 'PRAGMA synchronous'
        ? 'SELECT 2 AS synchronous'
        : sql.replace('synchronous = FULL', 'synchronous = NORMAL');
  }
  if (control === 'doubles-not-checked') {
    return (sql) =>
      sql
        .replace('INSERT OR IGNORE INTO doubles', 'INSERT OR REPLACE INTO doubles')
        .replace(/INSERT INTO filed_keys (.*) ON CONFLICT DO NOTHING/, 'INSERT OR REPLACE INTO filed_keys $1');
  }
  return (sql) => sql;
}

/** An inbox that says that entries are durable a while before they are. */
export function spoilInbox(inbox: Journal): Journal {
  let queue: Promise<unknown> = Promise.resolve();
  return {
    append: async (entries) => {
      const copies = entries.map((entry) => ({ ...entry, body: entry.body.slice() }));
      queue = queue
        .then(() => new Promise((resolve) => setTimeout(resolve, 20)))
        .then(() => inbox.append(copies))
        .catch(() => undefined);
      return entries.map((_, i) => i);
    },
    read: (from, limit) => inbox.read(from, limit),
    end: () => inbox.end(),
    follow: (...args) => inbox.follow(...args),
    trim: (before) => inbox.trim(before),
    close: () => inbox.close(),
  };
}

/** Changes what the gate and the filing hear of consent. */
export function spoilConsent(control: Control | undefined, { consents }: RecordStore): void {
  const state = consents.state.bind(consents);
  if (control === 'revocations-ignored') {
    consents.state = (patient) => {
      const { grants, ...rest } = state(patient);
      return { ...rest, grants: grants.map(({ revokedAt: _, ...grant }) => grant) };
    };
  }
  if (control === 'withheld-without-reason') {
    consents.state = (patient) => (Math.random() < 0.1 ? { ...state(patient), grants: [] } : state(patient));
  }
}

/** Changes what of a batch comes into the record. */
export function spoilFiling(control: Control | undefined, { segments }: RecordStore): void {
  const insert = segments.insert.bind(segments);
  if (control !== 'filing-skips-readings') return;
  segments.insert = (patient, batch, { leaves }) => {
    const left = leaves.filter(({ leaf }) => leaf.kind !== 'reading' || Math.random() >= 0.05);
    if (left.length > 0) insert(patient, batch, { leaves: left });
  };
}

/** Folders of the log's tiles, whose names then need not be there after a cut. */
export function isTileFolder(path: string): boolean {
  return path.startsWith('log/tile');
}

/** What a connection really does when it commits. */
export function synchronousOf(database: DatabaseSync): number {
  const [value] = Object.values(database.prepare('PRAGMA main.synchronous').get() ?? {});
  return Number(value);
}
