/** Agents that signed two histories: frozen until people decide. Evidence of a fork, its two headers, is kept for good. */
import type { DatabaseSync } from 'node:sqlite';
import type { AgentId } from '../../protocol/keys.ts';
import type { Instant } from '../../protocol/time.ts';

/** Two batches of one key that exclude each other. */
export interface Fork {
  readonly agent: AgentId;
  readonly sequence: number;
  readonly foundAt: Instant;
  /** Id of the batch that was refused. */
  readonly batch: string;
  /** COSE_Sign1 of the batch that was taken, where it is known. */
  readonly takenHeader?: Uint8Array;
  /** COSE_Sign1 of the one that was refused. */
  readonly header: Uint8Array;
  /** Of the one that was refused; empty where the agent served a patient who was erased: a reading of theirs may be in it. */
  readonly envelope: Uint8Array;
}

/** So many forks of one agent are kept; more prove no more. */
export const MAX_FORKS_KEPT = 8;

export type Suspects = ReturnType<typeof createSuspects>;

export function createSuspects(db: DatabaseSync) {
  const insertFork = db.prepare(
    `INSERT INTO forks (agent, sequence, found_at, batch, taken_header, header, envelope)
     SELECT ?, ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM forks WHERE agent = ?) < ${MAX_FORKS_KEPT}
     ON CONFLICT DO NOTHING`,
  );
  const forksOf = db.prepare('SELECT * FROM forks WHERE agent = ? ORDER BY number');
  const freeze = db.prepare('INSERT INTO frozen (agent, since) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const unfreeze = db.prepare('DELETE FROM frozen WHERE agent = ?');
  const frozen = db.prepare('SELECT since FROM frozen WHERE agent = ?');

  return {
    /** Keeps the evidence and freezes the agent; the caller holds the transaction. */
    noteFork(fork: Fork): void {
      const { agent, sequence, foundAt, batch, takenHeader = null, header, envelope } = fork;
      insertFork.run(agent, sequence, foundAt, batch, takenHeader, header, envelope, agent);
      freeze.run(agent, foundAt);
    },

    forksOf(agent: string): Fork[] {
      return forksOf.all(agent).map((row) => ({
        agent: row.agent as AgentId,
        sequence: row.sequence as number,
        foundAt: row.found_at as number,
        batch: row.batch as string,
        ...(row.taken_header !== null && { takenHeader: row.taken_header as Uint8Array }),
        header: row.header as Uint8Array,
        envelope: row.envelope as Uint8Array,
      }));
    },

    frozenSince(agent: string): Instant | undefined {
      return frozen.get(agent)?.since as number | undefined;
    },

    /** False when it was not frozen. The evidence stays. */
    unfreeze(agent: string): boolean {
      return unfreeze.run(agent).changes === 1;
    },
  };
}
