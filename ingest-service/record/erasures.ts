/**
 * Erasures in the record: what was ordered, who still has to confirm, and the newest certificate. Of the patient it holds a
 * mark only, which tells who brings the subject (docs/format.md §9.4).
 */
import type { DatabaseSync } from 'node:sqlite';
import { equalBytes } from '../../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { type ErasureStatement, erasureMark } from '../../protocol/erasure.ts';
import type { AgentId } from '../../protocol/keys.ts';
import type { Instant } from '../../protocol/time.ts';

/** One erasure whose rows are gone. */
export interface KeptErasure {
  readonly id: Uint8Array;
  readonly mark: Uint8Array;
  readonly erasedAt: Instant;
  readonly segments: number;
  readonly leaves: number;
  /** What was verified; absent until it was. */
  readonly statements?: readonly ErasureStatement[];
  /** Of the newest certificate; 0 before the first. */
  readonly number: number;
  /** The newest certificate, COSE_Sign1. */
  readonly certificate?: Uint8Array;
}

export interface ErasureAgent {
  readonly agent: AgentId;
  readonly confirmedAt?: Instant;
}

export type Erasures = ReturnType<typeof createErasures>;

export function createErasures(db: DatabaseSync) {
  const byId = db.prepare('SELECT * FROM erasures WHERE id = ?');
  const all = db.prepare('SELECT * FROM erasures');
  // Done again after a backup was restored: counts what was there this time.
  const insert = db.prepare(
    `INSERT INTO erasures (id, mark, erased_at, segments, leaves) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET erased_at = excluded.erased_at, statements = NULL,
       segments = max(segments, excluded.segments), leaves = max(leaves, excluded.leaves)`,
  );
  const verified = db.prepare('UPDATE erasures SET statements = ? WHERE id = ?');
  const certified = db.prepare('UPDATE erasures SET number = ?, certificate = ? WHERE id = ?');
  const addAgent = db.prepare('INSERT INTO erasure_agents (erasure, agent) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const confirm = db.prepare(
    'UPDATE erasure_agents SET confirmed_at = ? WHERE erasure = ? AND agent = ? AND confirmed_at IS NULL',
  );
  // An agent whose key was replaced confirms under its new name, which inherits the row.
  const agentsOf = db.prepare(
    `SELECT agent, confirmed_at FROM erasure_agents AS a WHERE erasure = ? AND NOT EXISTS
     (SELECT 1 FROM key_events AS k JOIN erasure_agents AS n ON n.agent = k.about
      WHERE k.agent = a.agent AND k.kind = 'rotation' AND n.erasure = a.erasure) ORDER BY agent`,
  );
  const ofAgent = db.prepare(
    'SELECT e.id, e.mark FROM erasure_agents a JOIN erasures e ON e.id = a.erasure WHERE a.agent = ?',
  );
  const marks = db.prepare('SELECT id, mark FROM erasures');

  const matches = (subject: Uint8Array) => (row: Record<string, unknown>) =>
    equalBytes(erasureMark(row.id as Uint8Array, subject), row.mark as Uint8Array);

  return {
    get(id: Uint8Array): KeptErasure | undefined {
      const row = byId.get(id);
      return row && asErasure(row);
    },

    all(): KeptErasure[] {
      return all.all().map(asErasure);
    },

    /** The caller holds the transaction that destroys the rows. */
    add({ id, mark, erasedAt, segments, leaves }: KeptErasure, agents: readonly string[]): void {
      insert.run(id, mark, erasedAt, segments, leaves);
      for (const agent of agents) addAgent.run(id, agent);
    },

    noteVerified(id: Uint8Array, statements: readonly ErasureStatement[]): void {
      verified.run(encodeCbor(statements.map(statementRow)), id);
    },

    noteCertificate(id: Uint8Array, number: number, certificate: Uint8Array): void {
      certified.run(number, certificate, id);
    },

    agentsOf(id: Uint8Array): ErasureAgent[] {
      return agentsOf.all(id).map((row) => ({
        agent: row.agent as AgentId,
        ...(row.confirmed_at !== null && { confirmedAt: row.confirmed_at as number }),
      }));
    },

    /** True when that is news. */
    confirm(id: Uint8Array, agent: string, at: Instant): boolean {
      return confirm.run(at, id, agent).changes === 1;
    },

    /** Erasures of patients whom an agent served. */
    ofAgent(agent: string): { readonly id: Uint8Array; readonly mark: Uint8Array }[] {
      return ofAgent.all(agent).map((row) => ({ id: row.id as Uint8Array, mark: row.mark as Uint8Array }));
    },

    /** The agent served this subject, who has been erased since: what it still brings is withheld, not refused. */
    servedErased(agent: string, subject: Uint8Array): boolean {
      return ofAgent.all(agent).some(matches(subject));
    },

    isErased(subject: Uint8Array): boolean {
      return marks.all().some(matches(subject));
    },
  };
}

function statementRow({ store, unit, scanned, sought, found }: ErasureStatement): CborValue {
  return [store, unit, scanned, sought, found];
}

function asErasure(row: Record<string, unknown>): KeptErasure {
  const statements = row.statements as Uint8Array | null;
  const certificate = row.certificate as Uint8Array | null;
  return {
    id: row.id as Uint8Array,
    mark: row.mark as Uint8Array,
    erasedAt: row.erased_at as number,
    segments: row.segments as number,
    leaves: row.leaves as number,
    number: row.number as number,
    ...(statements && { statements: readStatements(statements) }),
    ...(certificate && { certificate }),
  };
}

/** Our own bytes: their shape is known. */
function readStatements(bytes: Uint8Array): ErasureStatement[] {
  const rows = decodeCbor(bytes) as readonly (readonly [string, 'rows' | 'octets', number, number, number])[];
  return rows.map(([store, unit, scanned, sought, found]) => ({ store, unit, scanned, sought, found }));
}
