/**
 * Who the agent is: the key that seals, the name under which it is connected, and whose batches wait in the outbox. The
 * three differ for as long as a new key is on its way (rotation.ts). What is durable decides: each start finds the same.
 */
import type { DatabaseSync } from 'node:sqlite';
import { equalBytes } from '../protocol/bytes.ts';
import { createSigner, type Signer } from '../protocol/cose.ts';
import { Fault } from '../protocol/fault.ts';
import { type AgentId, encodeId, thumbprint } from '../protocol/keys.ts';
import type { Enrolled } from './enrol.ts';
import type { NextKey } from './next-key.ts';

/** A key and the thumbprint that names it. */
export interface SealingKey {
  readonly agent: Uint8Array;
  readonly signer: Signer;
}

/** The name under which the service knows the agent now, and its credential. */
export interface SessionName {
  readonly id: AgentId;
  readonly agent: Uint8Array;
  readonly password: string;
}

export class Identity {
  readonly #db: DatabaseSync;
  #sealing: SealingKey;
  #session: SessionName;

  /**
   * `keys`: of the key folder, with the one that is to follow where there is one. Throws `wrong-key` when the enrolment is
   * of neither.
   */
  constructor(db: DatabaseSync, keys: SealingKey, next: NextKey | undefined, enrolled: Enrolled) {
    this.#db = db;
    const { agent } = db.prepare('SELECT agent FROM state').get() as { agent: Uint8Array };
    const candidates = [keys, ...(next ? [sealingKeyOf(next)] : [])];
    const sealing = candidates.find((key) => equalBytes(key.agent, agent));
    if (!sealing) throw new Fault('wrong-key', 'the state folder belongs to another signing key');
    this.#sealing = sealing;
    this.#session = sessionOf(enrolled.agent, enrolled.broker.password);
    const before = db.prepare('SELECT agent FROM earlier_keys ORDER BY number DESC LIMIT 1').get() as
      | { agent: Uint8Array }
      | undefined;
    const known = [agent, ...(this.isRotating && before ? [before.agent] : [])];
    if (!known.some((each) => equalBytes(each, enrolled.agent))) {
      throw new Fault('wrong-key', 'the enrolment is of another key');
    }
  }

  /** The key that seals from now on. */
  get sealing(): SealingKey {
    return this.#sealing;
  }

  get session(): SessionName {
    return this.#session;
  }

  /** A rotation is signed, and the service has not countersigned it as far as we know. */
  get isRotating(): boolean {
    return this.#db.prepare('SELECT 1 FROM key_rotation WHERE signed IS NOT NULL').get() !== undefined;
  }

  /** The service knows the key that seals: what it signs may travel. */
  get isKnown(): boolean {
    return equalBytes(this.#session.agent, this.#sealing.agent);
  }

  /** Thumbprint of the key that signed the batch with a sequence. */
  ownerOf(sequence: number): Uint8Array {
    const row = this.#db
      .prepare('SELECT agent FROM earlier_keys WHERE last_sequence >= ? ORDER BY number LIMIT 1')
      .get(sequence) as { agent: Uint8Array } | undefined;
    return row?.agent ?? this.#sealing.agent;
  }

  /** True when an acknowledgement that names this agent may be about batches of ours. */
  isOurs(agent: Uint8Array): boolean {
    if (equalBytes(agent, this.#sealing.agent)) return true;
    return this.#db.prepare('SELECT 1 FROM earlier_keys WHERE agent = ?').get(agent) !== undefined;
  }

  /** True when the batch may be sent under the name of the session: the service knows its key. */
  mayTravel(sequence: number): boolean {
    return this.isKnown || !equalBytes(this.ownerOf(sequence), this.#sealing.agent);
  }

  /** The next key seals from now on; what made it so is durable. */
  sealWith(next: NextKey): void {
    this.#sealing = sealingKeyOf(next);
  }

  /** The service knows us under the key that seals. */
  connectAs(password: string): void {
    this.#session = sessionOf(this.#sealing.agent, password);
  }
}

function sessionOf(agent: Uint8Array, password: string): SessionName {
  return { id: encodeId(agent) as AgentId, agent, password };
}

function sealingKeyOf({ seed }: NextKey): SealingKey {
  const signer = createSigner(seed);
  return { agent: thumbprint(signer.publicKey), signer };
}
