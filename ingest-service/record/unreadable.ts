/**
 * Entries of the inbox that do not open any more: a disk altered what was acknowledged. They are kept as they are, with their
 * place in their agent's chain, so that all that came behind them is filed and the chain goes on.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Instant } from '../../protocol/time.ts';

export interface UnreadableEntry {
  /** Id of the batch, as the journal has it. */
  readonly batch: string;
  readonly agent: string;
  readonly sequence: number;
  readonly foundAt: Instant;
  readonly body: Uint8Array;
}

export type Unreadable = ReturnType<typeof createUnreadable>;

export function createUnreadable(db: DatabaseSync) {
  const insert = db.prepare(
    'INSERT INTO unreadable (batch, agent, sequence, found_at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const has = db.prepare('SELECT 1 FROM unreadable WHERE batch = ?');
  const newest = db.prepare(
    'SELECT batch AS id, sequence FROM unreadable WHERE agent = ? ORDER BY sequence DESC LIMIT 1',
  );
  const bySequence = db.prepare('SELECT batch FROM unreadable WHERE agent = ? AND sequence = ?');

  return {
    /** Durable when the caller's transaction ends; the same batch twice is one. */
    insert({ batch, agent, sequence, foundAt, body }: UnreadableEntry): void {
      insert.run(batch, agent, sequence, foundAt, body);
    },
    has: (batch: string): boolean => has.get(batch) !== undefined,
    newest: (agent: string) => newest.get(agent) as { readonly id: string; readonly sequence: number } | undefined,
    idAt: (agent: string, sequence: number) => bySequence.get(agent, sequence)?.batch as string | undefined,
  };
}
