/**
 * Entries of the inbox that do not open any more: a disk altered what was acknowledged. They are kept as they are, with their
 * place in their agent's chain, so that all that came behind them is filed and the chain goes on. Once the batch of a place is
 * filed after all, only the entry's name is left, by which it is known wherever it is met again.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Instant } from '../../protocol/time.ts';

export interface UnreadableEntry {
  /** Name of the entry, as the journal has it: the batch's id, unless the disk altered that. */
  readonly batch: string;
  /** As the journal has it. */
  readonly agent: string;
  readonly sequence: number;
  readonly foundAt: Instant;
  readonly body: Uint8Array;
}

export type Unreadable = ReturnType<typeof createUnreadable>;

/** The agent's own name was altered as well: nobody knows whose it is. */
const STRAY = 'sequence > 0 AND agent NOT IN (SELECT id FROM agents)';

export function createUnreadable(db: DatabaseSync) {
  const insert = db.prepare(
    'INSERT INTO unreadable (batch, agent, sequence, found_at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const has = db.prepare('SELECT 1 FROM unreadable WHERE batch = ?');
  const newest = db.prepare('SELECT max(sequence) AS sequence FROM unreadable WHERE agent = ? AND sequence > 0');
  const bySequence = db.prepare('SELECT batch FROM unreadable WHERE agent = ? AND sequence = ?');
  const settle = db.prepare("UPDATE unreadable SET sequence = 0, body = x'' WHERE agent = ? AND sequence = ?");
  const stray = db.prepare(`SELECT 1 FROM unreadable WHERE ${STRAY} LIMIT 1`);
  const adopt = db.prepare(
    `UPDATE unreadable SET agent = ?, sequence = ?
     WHERE batch = (SELECT batch FROM unreadable WHERE ${STRAY} ORDER BY found_at LIMIT 1)`,
  );
  const place = db.prepare('UPDATE unreadable SET agent = ?, sequence = ? WHERE batch = ? AND sequence > 0');

  return {
    /** Durable when the caller's transaction ends; the same entry twice is one. */
    insert({ batch, agent, sequence, foundAt, body }: UnreadableEntry): void {
      insert.run(batch, agent, sequence, foundAt, body);
    },
    has: (batch: string): boolean => has.get(batch) !== undefined,
    /** Sequence of an agent's newest. */
    newest: (agent: string) => (newest.get(agent)?.sequence ?? undefined) as number | undefined,
    idAt: (agent: string, sequence: number) => bySequence.get(agent, sequence)?.batch as string | undefined,
    /** What belongs in a place is in the record; false where nothing was missing. In the transaction that files it. */
    settle: (agent: string, sequence: number): boolean => settle.run(agent, sequence).changes > 0,
    /** Whose it is, and where, is known now: its batch came again. In the caller's transaction. */
    place(batch: string, agent: string, sequence: number): void {
      place.run(agent, sequence, batch);
    },
    /** Whether there is one of which nobody knows whose it is. */
    hasStray: (): boolean => stray.get() !== undefined,
    /** One of those takes an agent's place. In the caller's transaction. */
    adoptStray(agent: string, sequence: number): void {
      adopt.run(agent, sequence);
    },
  };
}
