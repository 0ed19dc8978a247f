/** How far stored records of each device were fetched; one row for each of its services, durable at once. */
import type { DatabaseSync } from 'node:sqlite';
import { equalBytes } from '../protocol/bytes.ts';
import type { KeptCursors } from './radio-mirror.ts';

const NO_SESSION = new Uint8Array();

/** The cursors in the database. A new session replaces the one before it: nobody asks for an old one. */
export function openRecordCursors(db: DatabaseSync): KeptCursors {
  const select = db.prepare('SELECT session, number FROM record_cursors WHERE device = ? AND service = ?');
  const put = db.prepare(
    'INSERT OR REPLACE INTO record_cursors (device, service, session, number) VALUES (?, ?, ?, ?)',
  );
  const list = db.prepare('SELECT device, service, session, number FROM record_cursors');
  const forget = db.prepare('DELETE FROM record_cursors WHERE device = ? AND service = ?');
  return {
    read({ device, service, session = NO_SESSION }) {
      const row = select.get(device, service) as { session: Uint8Array; number: number } | undefined;
      return row && equalBytes(row.session, session) ? row.number : undefined;
    },
    write({ device, service, session = NO_SESSION }, number) {
      if (number === undefined) forget.run(device, service);
      else put.run(device, service, session, number);
    },
    all() {
      const rows = list.all() as { device: string; service: number; session: Uint8Array; number: number }[];
      return rows.map(({ device, service, session, number }) => ({
        key: { device, service, ...(session.length > 0 && { session }) },
        number,
      }));
    },
  };
}
