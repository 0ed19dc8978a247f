/** What became of agents' keys: signed events in the order in which they took effect, and rotations that are wished for. */
import type { DatabaseSync } from 'node:sqlite';
import { commitmentOf } from '../../protocol/commitment.ts';
import { type ReadKeyEvent, readKeyEvent } from '../../protocol/key-event.ts';
import { type AgentId, agentIdOf, encodeId } from '../../protocol/keys.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Commitments } from './commitments.ts';

/** Up to which batch an agent's key speaks, and who follows. */
export interface Succession {
  readonly successor: AgentId;
  readonly lastSequence: number;
  /** 32 octets. */
  readonly lastBatch: Uint8Array;
  readonly signed: Uint8Array;
}

export interface StoredKeyEvent {
  readonly signed: Uint8Array;
  readonly commitment: Uint8Array;
}

export type KeyEvents = ReturnType<typeof createKeyEvents>;

export function createKeyEvents(db: DatabaseSync, commitments: Commitments) {
  const insert = db.prepare('INSERT INTO key_events (agent, kind, about, signed, commitment) VALUES (?, ?, ?, ?, ?)');
  const ofKind = db.prepare('SELECT signed, commitment FROM key_events WHERE agent = ? AND kind = ?');
  const admission = db.prepare(
    "SELECT signed, commitment FROM key_events WHERE agent = ? AND kind = 'admission' AND about = ?",
  );
  const before = db.prepare("SELECT signed, commitment FROM key_events WHERE kind = 'rotation' AND about = ?");
  const revokedAgents = db.prepare("SELECT agent FROM key_events WHERE kind = 'revocation' ORDER BY number");
  const wish = db.prepare('INSERT INTO rotation_wishes (agent, wished_at) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const unwish = db.prepare('DELETE FROM rotation_wishes WHERE agent = ?');
  const wished = db.prepare('SELECT agent FROM rotation_wishes ORDER BY agent');

  function predecessorOf(
    agent: string,
  ): (Succession & { readonly agent: AgentId; readonly event: StoredKeyEvent }) | undefined {
    const row = before.get(agent) as unknown as StoredKeyEvent | undefined;
    return row && { ...succession(row.signed), agent: encodeId(readKeyEvent(row.signed).agent) as AgentId, event: row };
  }

  return {
    /** In effect when the caller's transaction ends, and on its way to the log. */
    append(signed: Uint8Array): void {
      const event = readKeyEvent(signed);
      const agent = encodeId(event.agent);
      const commitment = commitmentOf('key-event', event.id);
      insert.run(agent, event.type, aboutOf(event), signed, commitment);
      commitments.add(commitment);
      if (event.type !== 'admission') unwish.run(agent);
    },

    /** Who follows, once the agent's key was replaced. */
    successionOf(agent: string): Succession | undefined {
      const row = ofKind.get(agent, 'rotation');
      return row && succession(row.signed as Uint8Array);
    },

    /** Whose key the agent's key replaced. */
    predecessorOf,

    /** The agent and all before it whose keys led to its own, the newest first. */
    lineOf(agent: AgentId): AgentId[] {
      const line = [agent];
      for (let last = predecessorOf(agent); last; last = predecessorOf(last.agent)) line.push(last.agent);
      return line;
    },

    revocationOf(agent: string): StoredKeyEvent | undefined {
      return ofKind.get(agent, 'revocation') as StoredKeyEvent | undefined;
    },

    rotationOf(agent: string): StoredKeyEvent | undefined {
      return ofKind.get(agent, 'rotation') as StoredKeyEvent | undefined;
    },

    admissionOf(agent: string, batch: string): StoredKeyEvent | undefined {
      return admission.get(agent, batch) as StoredKeyEvent | undefined;
    },

    revoked(): AgentId[] {
      return revokedAgents.all().map((row) => row.agent as AgentId);
    },

    /** An operator wants the agent to make a new key. */
    wishRotation(agent: string, at: Instant): void {
      wish.run(agent, at);
    },

    wishedRotations(): AgentId[] {
      return wished.all().map((row) => row.agent as AgentId);
    },
  };
}

function aboutOf(event: ReadKeyEvent): string {
  switch (event.type) {
    case 'rotation':
      return agentIdOf(event.rotation.newKey);
    case 'admission':
      return encodeId(event.batch);
    case 'revocation':
      return '';
  }
}

function succession(signed: Uint8Array): Succession {
  const event = readKeyEvent(signed);
  if (event.type !== 'rotation') throw new Error('not a rotation'); // stored by append, as what it is
  const { newKey, lastSequence, lastBatch } = event.rotation;
  return { successor: agentIdOf(newKey), lastSequence, lastBatch, signed };
}
