import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databasePath, openDatabase } from '../../edge-agent/database.ts';
import { openRecordCursors } from '../../edge-agent/record-cursors.ts';
import { makeFolder } from '../support/test-gateway.ts';

const agent = new Uint8Array(32).fill(1);
const METER = { device: 'f0:00:00:00:08:01', service: 0x1808 };
const SENSOR = { device: 'f0:00:00:00:05:01', service: 0x181f };

let folder: string;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('record cursors', () => {
  it('survive a restart, each device and service for itself', () => {
    const first = openDatabase(folder, agent);
    const cursors = openRecordCursors(first);
    cursors.write(METER, 17);
    cursors.write({ ...METER, service: 0x1810 }, 4);
    cursors.write(METER, 18);
    first.close();
    const second = openDatabase(folder, agent);
    const again = openRecordCursors(second);
    expect(again.read(METER)).toBe(18);
    expect(again.read({ ...METER, service: 0x1810 })).toBe(4);
    expect(again.read(SENSOR)).toBeUndefined();
    expect(again.all()).toContainEqual({ key: METER, number: 18 });
    again.write(METER, undefined);
    expect(again.read(METER)).toBeUndefined();
    second.close();
  });

  it('count on one session', () => {
    const db = openDatabase(folder, agent);
    const cursors = openRecordCursors(db);
    const session = Uint8Array.of(1, 2);
    cursors.write({ ...SENSOR, session }, 900);
    expect(cursors.read({ ...SENSOR, session })).toBe(900);
    expect(cursors.read({ ...SENSOR, session: Uint8Array.of(1, 3) })).toBeUndefined();
    expect(cursors.read(SENSOR)).toBeUndefined();
    db.close();
  });
});

describe('the state of an earlier version', () => {
  const FIRST_TABLES = ['state', 'pending', 'doubles', 'outbox', 'collect'];
  const FIRST_COLUMNS = { state: 7, outbox: 9 };

  /** As version 1 left it: without what came later. */
  function downgrade(): number {
    const db = openDatabase(folder, agent);
    const { user_version: current } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    db.exec("UPDATE state SET sequence = 41; INSERT INTO pending VALUES (7, x'00', x'01')");
    const named = (sql: string) => (db.prepare(sql).all() as { name: string }[]).map(({ name }) => name);
    const tables = named("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    for (const table of tables.filter((name) => !FIRST_TABLES.includes(name))) db.exec(`DROP TABLE ${table}`);
    for (const [table, first] of Object.entries(FIRST_COLUMNS)) {
      const columns = named(`SELECT name FROM pragma_table_info('${table}')`);
      for (const column of columns.slice(first)) db.exec(`ALTER TABLE ${table} DROP COLUMN ${column}`);
    }
    db.exec('PRAGMA user_version = 1');
    db.close();
    return current;
  }

  it('is brought up to date and loses nothing', () => {
    const current = downgrade();
    const db = openDatabase(folder, agent);
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: current });
    expect(db.prepare('SELECT sequence FROM state').get()).toEqual({ sequence: 41 });
    expect(db.prepare('SELECT row FROM pending').all()).toEqual([{ row: 7 }]);
    openRecordCursors(db).write(METER, 1);
    db.close();
    openDatabase(folder, agent).close();
  });

  it('is left alone when it belongs to another key', () => {
    downgrade();
    expect(() => openDatabase(folder, new Uint8Array(32))).toThrow(/another signing key/);
    const db = new DatabaseSync(databasePath(folder));
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
    db.close();
  });

  it('of a later version is refused', () => {
    const db = openDatabase(folder, agent);
    db.exec('PRAGMA user_version = 1000');
    db.close();
    expect(() => openDatabase(folder, agent)).toThrow(/version 1000/);
  });
});
