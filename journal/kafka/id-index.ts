/**
 * Which id has which position, as far as the topics were read: what makes a double known without asking. A cache: whoever
 * loses it reads the topics again and comes to the same, because the first occurrence of an id counts for every reader.
 */
import { rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Fault, isFault } from '../../protocol/fault.ts';
import { databaseFault, openDatabase } from '../sqlite.ts';
import type { IdChunk } from './records.ts';

/** How far the topics were read. */
export interface IndexState {
  /** Name of the journal that this is an index of; empty before that was read. */
  readonly genesis: string;
  /** Of the entries: where to read on, and the position that the next new id gets. */
  readonly nextOffset: number;
  readonly nextPosition: number;
  /** First position that is kept. */
  readonly trimmed: number;
  /** Of the ids of trimmed entries: where to read on. */
  readonly idsOffset: number;
}

/** Where an entry stands in the topic. */
export interface Place {
  readonly position: number;
  readonly offset: number;
}

export interface IdIndex {
  state(): IndexState;
  positionOf(id: string): number | undefined;
  /** Places of kept entries, ascending. */
  places(from: number, limit: number): readonly Place[];
  ids(from: number, until: number): readonly string[];
  /** Takes records of the topic in order: ids (undefined: no entry) by offset, and where to read on. */
  take(records: readonly { readonly offset: number; readonly id: string | undefined }[], next: number): void;
  /** Takes ids of entries that are trimmed by now, and where to read on. */
  takeChunks(chunks: readonly IdChunk[], next: number): void;
  /** Says of which journal it is. */
  begin(genesis: string): void;
  close(): void;
}

const NONE: IndexState = { genesis: '', nextOffset: 0, nextPosition: 0, trimmed: 0, idsOffset: 0 };

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ids (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, offset INTEGER) STRICT;
  CREATE TABLE IF NOT EXISTS state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    genesis TEXT NOT NULL,
    next_offset INTEGER NOT NULL,
    next_position INTEGER NOT NULL,
    trimmed INTEGER NOT NULL,
    ids_offset INTEGER NOT NULL
  ) STRICT;
`;

/** Opens the file, held exclusively, or an index in memory. A file that is broken begins anew. */
export function openIdIndex(path?: string): IdIndex {
  const database = open(path);
  const prepare = (sql: string) => database.prepare(sql);
  const positionOf = prepare('SELECT position FROM ids WHERE id = ?');
  const places = prepare(
    'SELECT position, offset FROM ids WHERE position >= ? AND offset IS NOT NULL ORDER BY position LIMIT ?',
  );
  const ids = prepare('SELECT id FROM ids WHERE position >= ? AND position < ? ORDER BY position');
  const insert = prepare('INSERT INTO ids (position, id, offset) VALUES (?, ?, ?)');
  const forget = prepare('UPDATE ids SET offset = NULL WHERE position >= ? AND position < ?');
  const save = prepare('INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?)');
  let state = loadState(database);

  /** All or nothing, the state in memory too. */
  function change(run: () => IndexState): void {
    try {
      database.exec('BEGIN IMMEDIATE');
      const { genesis, nextOffset, nextPosition, trimmed, idsOffset } = run();
      save.run(genesis, nextOffset, nextPosition, trimmed, idsOffset);
      database.exec('COMMIT');
      state = { genesis, nextOffset, nextPosition, trimmed, idsOffset };
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw databaseFault(error);
    }
  }

  function known(id: string): number | undefined {
    return lookUp(positionOf, id);
  }

  return {
    state: () => state,
    positionOf: known,
    places: (from, limit) => places.all(from, limit) as unknown as Place[],
    ids: (from, until) => ids.all(from, until).map(({ id }) => String(id)),

    take(records, next) {
      change(() => {
        let { nextPosition } = state;
        for (const { offset, id } of records) {
          // Of two that were appended at once, or one that came in twice through a crash, the later is not there.
          if (offset < state.nextOffset || id === undefined || known(id) !== undefined) continue;
          insert.run(nextPosition++, id, offset);
        }
        return { ...state, nextPosition, nextOffset: Math.max(state.nextOffset, next) };
      });
    },

    takeChunks(chunks, next) {
      change(() => {
        let { nextPosition, nextOffset, trimmed } = state;
        for (const chunk of chunks) {
          const until = chunk.from + chunk.ids.length;
          if (chunk.from > trimmed) throw new Fault('inconsistent', 'ids of trimmed entries are missing');
          // Several processes may have trimmed the same; they read the same ids from the same topic.
          for (let position = nextPosition; position < until; position++) {
            insert.run(position, chunk.ids[position - chunk.from]!, null);
          }
          if (nextPosition <= until) nextOffset = Math.max(nextOffset, chunk.nextOffset);
          nextPosition = Math.max(nextPosition, until);
          if (until > trimmed) {
            forget.run(trimmed, until);
            trimmed = until;
          }
        }
        return { ...state, nextPosition, nextOffset, trimmed, idsOffset: next };
      });
    },

    begin: (genesis) => change(() => ({ ...NONE, genesis })),

    close: () => database.close(),
  };
}

function open(path?: string): DatabaseSync {
  if (path === undefined) {
    const database = new DatabaseSync(':memory:');
    database.exec(SCHEMA);
    return database;
  }
  try {
    return openFile(path);
  } catch (error) {
    if (isFault(error) && error.retry === 'later') throw error; // another process holds it
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
    return openFile(path);
  }
}

function openFile(path: string): DatabaseSync {
  const database = openDatabase(path, { exclusive: true, busyTimeoutMs: 0 });
  try {
    // What a power cut takes is read again; that it leaves an older state, and a whole one, is enough.
    database.exec(`PRAGMA synchronous = NORMAL; ${SCHEMA}`);
    loadState(database);
    return database;
  } catch (error) {
    database.close();
    throw databaseFault(error);
  }
}

function loadState(database: DatabaseSync): IndexState {
  const row = database.prepare('SELECT * FROM state').get();
  if (row === undefined) return NONE;
  return {
    genesis: String(row.genesis),
    nextOffset: Number(row.next_offset),
    nextPosition: Number(row.next_position),
    trimmed: Number(row.trimmed),
    idsOffset: Number(row.ids_offset),
  };
}

function lookUp(statement: StatementSync, id: string): number | undefined {
  const row = statement.get(id);
  return row === undefined ? undefined : Number(row.position);
}
