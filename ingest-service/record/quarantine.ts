/** Batches of revoked keys that wait for a decision of people. One that is rejected leaves its header as a tombstone. */
import type { DatabaseSync } from 'node:sqlite';
import type { Instant } from '../../protocol/time.ts';

export type Decision = 'accepted' | 'rejected';

export interface Quarantined {
  readonly batch: string;
  readonly agent: string;
  readonly sequence: number;
  readonly receivedAt: Instant;
  readonly signedHeader: Uint8Array;
  /** As in the inbox, sealed; there until the decision was acted on. */
  readonly held?: Uint8Array;
  readonly decision?: Decision;
}

/** So many batches of one agent may wait; what comes beyond stays with the agent. */
export const MAX_QUARANTINED = 1000;

/** More than a gap between two batches that were filed ever holds. */
const MAX_SHOWN = 10 * MAX_QUARANTINED;

export type Quarantine = ReturnType<typeof createQuarantine>;

export function createQuarantine(db: DatabaseSync) {
  const insert = db.prepare(
    `INSERT INTO quarantine (batch, agent, sequence, received_at, signed_header, held) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );
  const count = db.prepare('SELECT count(*) AS n FROM quarantine WHERE agent = ? AND decision IS NULL');
  const byId = db.prepare('SELECT * FROM quarantine WHERE batch = ?');
  const bySequence = db.prepare('SELECT batch FROM quarantine WHERE agent = ? AND sequence = ?');
  const newest = db.prepare(
    'SELECT batch AS id, sequence FROM quarantine WHERE agent = ? ORDER BY sequence DESC LIMIT 1',
  );
  // Without what is held: a thousand batches may be a gigabyte.
  const between = db.prepare(
    `SELECT batch, agent, sequence, received_at, signed_header, NULL AS held, decision FROM quarantine
     WHERE agent = ? AND sequence > ? AND sequence < ? ORDER BY sequence LIMIT ?`,
  );
  const waiting = db.prepare('SELECT * FROM quarantine WHERE decision IS NULL ORDER BY agent, sequence');
  const decide = db.prepare('UPDATE quarantine SET decision = ?, decided_at = ? WHERE batch = ? AND decision IS NULL');
  const untold = db.prepare(
    'SELECT * FROM quarantine WHERE decision IS NOT NULL AND told = 0 ORDER BY agent, sequence LIMIT ?',
  );
  const tell = db.prepare('UPDATE quarantine SET told = 1, held = NULL WHERE batch = ?');
  const replaceHeld = db.prepare('UPDATE quarantine SET held = ? WHERE batch = ? AND held IS NOT NULL');
  const rejected = db.prepare("SELECT count(*) AS n FROM quarantine WHERE agent = ? AND decision = 'rejected'");

  return {
    /** Durable when the caller's transaction ends; the same batch twice is one. */
    insert({
      batch,
      agent,
      sequence,
      receivedAt,
      signedHeader,
      held,
    }: Quarantined & { readonly held: Uint8Array }): void {
      insert.run(batch, agent, sequence, receivedAt, signedHeader, held);
    },

    /** How many batches of an agent wait. */
    countWaiting(agent: string): number {
      return count.get(agent)!.n as number;
    },

    countRejected(agent: string): number {
      return rejected.get(agent)!.n as number;
    },

    get(batch: string): Quarantined | undefined {
      const row = byId.get(batch);
      return row && toQuarantined(row);
    },

    idAt(agent: string, sequence: number): string | undefined {
      return bySequence.get(agent, sequence)?.batch as string | undefined;
    },

    newest(agent: string): { readonly id: string; readonly sequence: number } | undefined {
      return newest.get(agent) as { id: string; sequence: number } | undefined;
    },

    /** Batches of an agent that were set aside, whatever was decided, above one sequence and below another; without what is held. */
    between(agent: string, above: number, below: number): Quarantined[] {
      return between.all(agent, above, below, MAX_SHOWN).map(toQuarantined);
    },

    /** All that waits for people. */
    waiting(): Quarantined[] {
      return waiting.all().map(toQuarantined);
    },

    /** False when it was decided before, or is not there. */
    decide(batch: string, decision: Decision, at: Instant): boolean {
      return decide.run(decision, at, batch).changes === 1;
    },

    /** Decisions on which the service has not acted. */
    untold(limit: number): Quarantined[] {
      return untold.all(limit).map(toQuarantined);
    },

    /** What is held of a batch from now on, in the place of what was. */
    replaceHeld(batch: string, held: Uint8Array): void {
      replaceHeld.run(held, batch);
    },

    /** The decision was acted on: filed, or its bodies destroyed. */
    settle(batch: string): void {
      tell.run(batch);
    },
  };
}

function toQuarantined(row: Record<string, unknown>): Quarantined {
  return {
    batch: row.batch as string,
    agent: row.agent as string,
    sequence: row.sequence as number,
    receivedAt: row.received_at as number,
    signedHeader: row.signed_header as Uint8Array,
    ...(row.held !== null && { held: row.held as Uint8Array }),
    ...(row.decision !== null && { decision: row.decision as Decision }),
  };
}
