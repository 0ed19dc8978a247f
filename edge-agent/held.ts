/**
 * Measurements of which nobody knows yet whose they are: a device with several users numbered one that no patient has
 * claimed. They are kept encrypted and durable, and never guessed; when a patient claims the number they go on as that
 * patient's. Nothing of them leaves the agent before, except how many wait.
 */
import type { DatabaseSync } from 'node:sqlite';
import { decodeLeaf, encodeLeaf, type ReadingLeaf } from '../protocol/leaf.ts';
import { transact } from './database.ts';
import type { Mark } from './doubles.ts';
import { createRowCipher } from './storage-cipher.ts';

const DAY_MS = 86_400_000;

/** How long a measurement waits for somebody to claim it, in days of real time; then it is destroyed. */
export const HELD_DAYS = 35;

/** Most that wait for one user of one device; the oldest go first. */
const MAX_HELD = 1000;

/** How many readings of one user of one device wait. */
export interface HeldCount {
  readonly device: Uint8Array;
  readonly user: number;
  readonly count: number;
}

export interface HeldOptions {
  readonly db: DatabaseSync;
  readonly storageKey: Uint8Array;
  /** This start of the agent, 16 octets. */
  readonly boot: Uint8Array;
  /** Real time. */
  readonly realNow: () => number;
}

export type Held = ReturnType<typeof openHeld>;

export function openHeld({ db, storageKey, boot, realNow }: HeldOptions) {
  const cipher = createRowCipher(storageKey, boot, 'held');
  const nextRow = db.prepare("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'held'), 0) + 1 AS row");
  const insert = db.prepare(
    `INSERT INTO held (row, device, user, mark, boot, body, held_day) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );
  const trim = db.prepare(
    `DELETE FROM held WHERE row IN
       (SELECT row FROM held WHERE device = ? AND user = ? ORDER BY row DESC LIMIT -1 OFFSET ${MAX_HELD})`,
  );
  const select = db.prepare('SELECT row, boot, body FROM held WHERE device = ? AND user = ? ORDER BY row');
  const remove = db.prepare('DELETE FROM held WHERE device = ? AND user = ? AND row <= ?');
  const all = db.prepare('SELECT row, boot, body FROM held');
  const removeRow = db.prepare('DELETE FROM held WHERE row = ?');
  const expire = db.prepare('DELETE FROM held WHERE held_day < ?');
  const count = db.prepare('SELECT device, user, count(*) AS count FROM held GROUP BY device, user');
  const today = () => Math.floor(realNow() / DAY_MS);

  return {
    /** Durable when it returns. What waits already is not kept twice. */
    hold(device: Uint8Array, user: number, readings: readonly { readonly leaf: ReadingLeaf; readonly mark: Mark }[]) {
      transact(db, () => {
        for (const { leaf, mark } of readings) {
          const { row } = nextRow.get() as { row: number };
          insert.run(row, device, user, mark.hash, boot, cipher.encrypt(row, encodeLeaf(leaf)), today());
        }
        trim.run(device, user);
      });
    },

    /** What waits for a user, oldest first, each with its row. It stays until {@link forget}. */
    of(device: Uint8Array, user: number): { readonly row: number; readonly leaf: ReadingLeaf }[] {
      const rows = select.all(device, user) as { row: number; boot: Uint8Array; body: Uint8Array }[];
      return rows.map(({ row, boot: of, body }) => {
        const leaf = decodeLeaf(createRowCipher(storageKey, of, 'held').decrypt(row, body));
        return { row, leaf: leaf as ReadingLeaf };
      });
    },

    /** Up to this row: what came since waits on. */
    forget(device: Uint8Array, user: number, row: number): void {
      remove.run(device, user, row);
    },

    counts(): HeldCount[] {
      return count.all() as unknown as HeldCount[];
    },

    /** Destroys what waits on devices of some subjects; the caller holds the transaction. */
    dropSubjects(isTheirs: (subject: Uint8Array) => boolean): void {
      const rows = all.all() as { row: number; boot: Uint8Array; body: Uint8Array }[];
      for (const { row, boot: of, body } of rows) {
        const { subject } = decodeLeaf(createRowCipher(storageKey, of, 'held').decrypt(row, body));
        if (isTheirs(subject)) removeRow.run(row);
      }
    },

    /** Destroys what nobody claimed in time. */
    prune(): void {
      expire.run(today() - HELD_DAYS);
    },
  };
}
