/** Enrolled agents, what they may speak for, and one-time enrolment codes. Only hashes of codes and credentials are kept. */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { decodeUtf8, encodeUtf8 } from '../../protocol/bytes.ts';
import type { AgentId } from '../../protocol/keys.ts';
import type { Instant } from '../../protocol/time.ts';
import { openBytes, sealBytes } from './sealing.ts';

export interface EnrolledAgent {
  readonly id: AgentId;
  readonly publicKey: Uint8Array;
  /** COSE_Sign1 of the enrolment statement. */
  readonly enrolment: Uint8Array;
  readonly credentialHash: Uint8Array;
}

/** A wearable of a patient that an agent may speak for. */
export interface DeviceAssignment {
  readonly patient: string;
  readonly address: string;
  readonly addressType: 'public' | 'random';
}

/** What a one-time code enrols an agent for. */
export interface CodeTerms {
  readonly assignments: readonly DeviceAssignment[];
  /** Patients who may pair wearables with it afterward, beside those of the assignments. */
  readonly patients: readonly string[];
}

export type Agents = ReturnType<typeof createAgents>;

export function createAgents(db: DatabaseSync, keyEncryptionKey: Uint8Array) {
  const byId = db.prepare('SELECT * FROM agents WHERE id = ?');
  const insert = db.prepare(
    `INSERT INTO agents (id, public_key, enrolment, credential_hash) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET enrolment = excluded.enrolment, credential_hash = excluded.credential_hash`,
  );
  const insertAwaited = db.prepare('INSERT OR REPLACE INTO awaited (agent, sequence) VALUES (?, ?)');
  const forgetAwaited = db.prepare('DELETE FROM awaited WHERE agent = ?');
  const awaitedOf = db.prepare('SELECT sequence FROM awaited WHERE agent = ?');
  const insertAssignment = db.prepare(
    'INSERT INTO assignments (agent, patient, handle) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const insertGateway = db.prepare('INSERT INTO gateways (agent, patient) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const patientsOf = db.prepare('SELECT patient FROM gateways WHERE agent = ? ORDER BY patient');
  // An agent whose key was replaced lives on under its new name; the old one only says for whom its last batches may speak.
  const agentsOf = db.prepare(
    `SELECT agent FROM gateways AS g WHERE patient = ? AND NOT EXISTS
     (SELECT 1 FROM key_events AS k WHERE k.agent = g.agent AND k.kind = 'rotation') ORDER BY agent`,
  );
  const inherit = [
    'assignments (agent, patient, handle)',
    'unpaired (agent, patient, handle)',
    'gateways (agent, patient)',
    // The new name is told of them, may confirm, and may still bring what is withheld.
    'erasure_agents (agent, erasure, confirmed_at)',
  ].map((into) => {
    const [table, columns] = into.split(' (', 2) as [string, string];
    const rest = columns.slice('agent, '.length, -1);
    return db.prepare(`INSERT OR IGNORE INTO ${into} SELECT ?, ${rest} FROM ${table} WHERE agent = ?`);
  });
  const serves = db.prepare('SELECT 1 FROM gateways WHERE agent = ? AND patient = ?');
  const unpair = db.prepare('INSERT INTO unpaired (agent, patient, handle) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const pairAgain = db.prepare('DELETE FROM unpaired WHERE agent = ? AND patient = ? AND handle = ?');
  const isUnpaired = db.prepare('SELECT 1 FROM unpaired WHERE agent = ? AND patient = ? AND handle = ?');
  const unpairedOf = db.prepare('SELECT handle FROM unpaired WHERE agent = ?');
  const pairedOf = db.prepare(
    `SELECT agent, handle FROM assignments AS a WHERE patient = ? AND NOT EXISTS
     (SELECT 1 FROM unpaired AS u WHERE u.agent = a.agent AND u.patient = a.patient AND u.handle = a.handle)
     AND NOT EXISTS (SELECT 1 FROM key_events AS k WHERE k.agent = a.agent AND k.kind = 'rotation')`,
  );
  const maySpeak = db.prepare('SELECT 1 FROM assignments WHERE agent = ? AND patient = ? AND handle = ?');
  const all = db.prepare('SELECT id FROM agents');
  const nextNumber = db.prepare(
    'UPDATE agents SET command_number = command_number + 1 WHERE id = ? RETURNING command_number AS n',
  );
  // Commands are numbered upward for as long as the agent lives, under whatever name.
  const inheritNumber = db.prepare(
    'UPDATE agents SET command_number = (SELECT command_number FROM agents WHERE id = ?) WHERE id = ?',
  );
  const insertCode = db.prepare('INSERT INTO enrolment_codes (code_hash, assignments, expires_at) VALUES (?, ?, ?)');
  const forgetCodes = db.prepare('DELETE FROM enrolment_codes WHERE expires_at <= ?');
  const takeCode = db.prepare('DELETE FROM enrolment_codes WHERE code_hash = ? RETURNING assignments, expires_at');

  return {
    get(id: string): EnrolledAgent | undefined {
      const row = byId.get(id);
      return (
        row && {
          id: row.id as AgentId,
          publicKey: row.public_key as Uint8Array,
          enrolment: row.enrolment as Uint8Array,
          credentialHash: row.credential_hash as Uint8Array,
        }
      );
    },

    ids(): AgentId[] {
      return all.all().map((row) => row.id as AgentId);
    },

    /** An agent that enrols again, because an answer was lost, gets a new credential. */
    insert(agent: EnrolledAgent): void {
      insert.run(agent.id, agent.publicKey, agent.enrolment, agent.credentialHash);
    },

    /** What an agent may speak for goes over to the name of its new key; the caller holds the transaction. */
    inherit(from: string, to: string): void {
      for (const statement of inherit) statement.run(to, from);
      inheritNumber.run(from, to);
    },

    /** Notes which batch the agent was asked for, since a later one came first; `undefined` when it has come. */
    noteAwaited(agent: string, sequence: number | undefined): void {
      if (sequence === this.awaited(agent)) return;
      if (sequence === undefined) forgetAwaited.run(agent);
      else insertAwaited.run(agent, sequence);
    },

    awaited(agent: string): number | undefined {
      return awaitedOf.get(agent)?.sequence as number | undefined;
    },

    /** The agent may speak for the device with this handle in this patient's leaves. */
    assign(agent: string, patient: string, handle: Uint8Array): void {
      insertAssignment.run(agent, patient, handle);
      insertGateway.run(agent, patient);
      pairAgain.run(agent, patient, handle);
    },

    /** The patient may pair wearables with this agent. */
    addGateway(agent: string, patient: string): void {
      insertGateway.run(agent, patient);
    },

    /** True when the patient may know the agent, and pair wearables with it. */
    serves(agent: string, patient: string): boolean {
      return serves.get(agent, patient) !== undefined;
    },

    /**
     * Ends an assignment. The agent may still speak for the device, because what it heard before it was told is in its
     * batches; nothing of it is kept.
     */
    unassign(agent: string, patient: string, handle: Uint8Array): void {
      unpair.run(agent, patient, handle);
    },

    /** True when the assignment was ended: leaves of the device are withheld. */
    isUnpaired(agent: string, patient: string, handle: Uint8Array): boolean {
      return isUnpaired.get(agent, patient, handle) !== undefined;
    },

    /** Handles of all devices that were taken away from the agent. */
    unpairedOf(agent: string): Uint8Array[] {
      return unpairedOf.all(agent).map((row) => row.handle as Uint8Array);
    },

    /** Devices of a patient with the agents that speak for them. */
    pairedOf(patient: string): { readonly agent: AgentId; readonly handle: Uint8Array }[] {
      return pairedOf.all(patient).map((row) => ({ agent: row.agent as AgentId, handle: row.handle as Uint8Array }));
    },

    /** Record-local ids of the patients whom this agent serves. */
    patientsOf(agent: string): string[] {
      return patientsOf.all(agent).map((row) => row.patient as string);
    },

    agentsOf(patient: string): AgentId[] {
      return agentsOf.all(patient).map((row) => row.agent as AgentId);
    },

    maySpeakFor(agent: string, patient: string, handle: Uint8Array): boolean {
      return maySpeak.get(agent, patient, handle) !== undefined;
    },

    nextCommandNumber(agent: string): number {
      return nextNumber.get(agent)!.n as number;
    },

    /** Codes that are out of time by `now` go: a patient may ask for as many as she likes. */
    addCode(code: string, terms: CodeTerms, now: Instant, expiresAt: Instant): void {
      forgetCodes.run(now);
      const sealed = sealBytes(keyEncryptionKey, 'enrolment code', encodeUtf8(JSON.stringify(terms)));
      insertCode.run(hashSecret(code), sealed, expiresAt);
    },

    /** Uses a code up; `undefined` when it is unknown, used or expired. The caller holds the transaction. */
    takeCode(code: string, now: Instant): CodeTerms | undefined {
      const row = takeCode.get(hashSecret(code));
      if (!row || (row.expires_at as number) <= now) return undefined;
      return JSON.parse(decodeUtf8(openBytes(keyEncryptionKey, 'enrolment code', row.assignments as Uint8Array)));
    },
  };
}

/** SHA-256 of a secret of full entropy; a slow hash is for passwords that people choose. */
export function hashSecret(secret: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(secret).digest());
}
