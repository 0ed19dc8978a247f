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

export type Agents = ReturnType<typeof createAgents>;

export function createAgents(db: DatabaseSync, keyEncryptionKey: Uint8Array) {
  const byId = db.prepare('SELECT * FROM agents WHERE id = ?');
  const insert = db.prepare(
    `INSERT INTO agents (id, public_key, enrolment, credential_hash) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET enrolment = excluded.enrolment, credential_hash = excluded.credential_hash`,
  );
  const insertAssignment = db.prepare(
    'INSERT INTO assignments (agent, patient, handle) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const patientsOf = db.prepare('SELECT DISTINCT patient FROM assignments WHERE agent = ? ORDER BY patient');
  const agentsOf = db.prepare('SELECT DISTINCT agent FROM assignments WHERE patient = ?');
  const maySpeak = db.prepare('SELECT 1 FROM assignments WHERE agent = ? AND patient = ? AND handle = ?');
  const all = db.prepare('SELECT id FROM agents');
  const nextNumber = db.prepare(
    'UPDATE agents SET command_number = command_number + 1 WHERE id = ? RETURNING command_number AS n',
  );
  const insertCode = db.prepare('INSERT INTO enrolment_codes (code_hash, assignments, expires_at) VALUES (?, ?, ?)');
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

    /** The agent may speak for the device with this handle in this patient's leaves. */
    assign(agent: string, patient: string, handle: Uint8Array): void {
      insertAssignment.run(agent, patient, handle);
    },

    /** Record-local ids of the patients whose devices this agent may speak for. */
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

    addCode(code: string, assignments: readonly DeviceAssignment[], expiresAt: Instant): void {
      const sealed = sealBytes(keyEncryptionKey, 'enrolment code', encodeUtf8(JSON.stringify(assignments)));
      insertCode.run(hashSecret(code), sealed, expiresAt);
    },

    /** Uses a code up; `undefined` when it is unknown, used or expired. The caller holds the transaction. */
    takeCode(code: string, now: Instant): readonly DeviceAssignment[] | undefined {
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
