/** What befalls agents' keys: an agent brings its next key, or the service says that a key counts no more. */
import { NO_BATCH } from '../protocol/batch.ts';
import { decodeBase64Url, encodeBase64Url, encodeUtf8, equalBytes } from '../protocol/bytes.ts';
import type { Signer, Verify } from '../protocol/cose.ts';
import { Fault } from '../protocol/fault.ts';
import { type NewestBatch, openRotation, type Rotation, readKeyEvent, signKeyEvent } from '../protocol/key-event.ts';
import { type AgentId, agentIdOf, decodeId } from '../protocol/keys.ts';
import { hashLeaf } from '../protocol/merkle.ts';
import type { Clock } from '../protocol/time.ts';
import type { ChainHead } from './accept.ts';
import { newestStored } from './chains.ts';
import type { RecordStore } from './record/record-sqlite.ts';

export interface KeyChangeDeps {
  readonly store: RecordStore;
  readonly signer: Signer;
  readonly clock: Clock;
}

export interface RotationDeps extends KeyChangeDeps {
  readonly verify: Verify;
  /** Where the chain of an agent stands. */
  readonly headOf: (agent: AgentId) => ChainHead;
  /** Id of the agent's batch with a sequence, as far as it is known. */
  readonly acceptedId: (agent: AgentId, sequence: number) => Uint8Array | undefined;
}

/** What an agent is answered, and who it was and is. */
export interface Rotated {
  readonly keyEvent: string;
  readonly from: AgentId;
  readonly to: AgentId;
}

/**
 * Countersigns a rotation; the same one again has the same answer. Throws `malformed`, `wrong-key`, `bad-signature`,
 * `unknown-agent`, `revoked`, `frozen`, `not-permitted` (nobody asked for it), `forked`.
 */
export function rotateKey(deps: RotationDeps, request: { readonly rotation: string }): Rotated {
  const { store, signer, verify, clock } = deps;
  const signedRotation = decodeBase64Url(request.rotation);
  const rotation = openRotation(signedRotation, verify);
  const [from, to] = [agentIdOf(rotation.oldKey), agentIdOf(rotation.newKey)];
  const keyEvent = store.transaction(() => {
    const before = store.keyEvents.rotationOf(from)?.signed;
    if (before && isOf(before, signedRotation)) return before;
    requireRotatable(deps, from, to, rotation);
    const signed = signKeyEvent({ type: 'rotation', signedRotation, at: clock() }, signer);
    const { newKey: publicKey, credentialHash } = rotation;
    // The enrolment stays that of the first key: from it the rotations lead to this one.
    store.agents.insert({ id: to, publicKey, enrolment: store.agents.get(from)!.enrolment, credentialHash });
    store.agents.inherit(from, to);
    store.keyEvents.append(signed);
    return signed;
  });
  // In effect from here: the old credential opens nothing.
  return { keyEvent: encodeBase64Url(keyEvent), from, to };
}

function isOf(event: Uint8Array, signedRotation: Uint8Array): boolean {
  const read = readKeyEvent(event);
  return read.type === 'rotation' && equalBytes(read.signedRotation, signedRotation);
}

function requireRotatable(
  { store, headOf, acceptedId }: RotationDeps,
  from: AgentId,
  to: AgentId,
  { lastSequence, lastBatch }: Rotation,
): void {
  if (!store.agents.get(from)) throw new Fault('unknown-agent', 'not enrolled');
  if (store.keyEvents.revocationOf(from) || store.keyEvents.successionOf(from)) {
    throw new Fault('revoked', 'the key counts no more');
  }
  // Whose word it is cannot be told: two hold the key.
  if (store.suspects.frozenSince(from) !== undefined)
    throw new Fault('frozen', 'the key signed two histories', 'later');
  if (!store.keyEvents.wishedRotations().includes(from)) throw new Fault('not-permitted', 'nobody asked for a new key');
  if (store.agents.get(to)) throw new Fault('wrong-key', 'the new key is known already');
  const head = headOf(from);
  const known = lastSequence === head.sequence ? head.id : acceptedId(from, lastSequence);
  if (lastSequence < head.sequence || (known && !equalBytes(known, lastBatch))) {
    throw new Fault('forked', 'the key signed more than it says');
  }
}

/**
 * Revokes an agent's key and all before it that led there: from here on nothing of them is filed that people do not admit.
 * The answer is the agent that is revoked: the one that lives, where another name of it was given. Throws `not-found`,
 * `revoked` (it is), `malformed` (the reason).
 */
export function revokeAgent({ store, signer, clock }: KeyChangeDeps, named: string, reason: string): AgentId {
  return store.transaction(() => {
    const agent = currentName(store, named);
    if (store.keyEvents.revocationOf(agent)) throw new Fault('revoked', 'it is revoked already');
    const line = store.keyEvents.lineOf(agent);
    const newest = newestOf(store, line);
    for (const name of line) {
      const wish = { type: 'revocation', agent: decodeId(name), reason, newest, at: clock() } as const;
      store.keyEvents.append(signKeyEvent(wish, signer));
    }
    return agent;
  });
}

/** What stands for the id of a batch that a disk altered before it was filed: no batch has it. */
const LOST = hashLeaf(encodeUtf8('a batch that a disk altered'));

/**
 * The newest batch that has its place in the record, filed or altered by a disk before it could be, under any of these names
 * of one agent. What is acknowledged and not filed yet is none: it will be set aside.
 */
function newestOf(store: RecordStore, line: readonly AgentId[]): NewestBatch {
  const places = line.flatMap((name) => newestStored(store, name) ?? []);
  const newest = places.toSorted((a, b) => a.sequence - b.sequence).at(-1);
  return newest ? { sequence: newest.sequence, id: newest.id ?? LOST } : { sequence: 0, id: NO_BATCH };
}

/** Lets a batch in that waits. Throws `not-found`. */
export function admitBatch({ store, signer, clock }: KeyChangeDeps, batch: string): void {
  store.transaction(() => {
    const waiting = store.quarantine.get(batch);
    if (!waiting || !store.quarantine.decide(batch, 'accepted', clock())) throw notWaiting();
    const wish = { type: 'admission', agent: decodeId(waiting.agent), batch: decodeId(batch), at: clock() } as const;
    store.keyEvents.append(signKeyEvent(wish, signer));
  });
}

/** Throws `not-found`. */
export function rejectBatch({ store, clock }: Pick<KeyChangeDeps, 'store' | 'clock'>, batch: string): void {
  store.transaction(() => {
    if (!store.quarantine.decide(batch, 'rejected', clock())) throw notWaiting();
  });
}

/** The name under which an agent lives now. Throws `not-found`. */
export function currentName(store: RecordStore, named: string): AgentId {
  if (!store.agents.get(named)) throw new Fault('not-found', 'there is no such agent; "agents" lists them');
  let name = named as AgentId;
  for (let next = store.keyEvents.successionOf(name); next; next = store.keyEvents.successionOf(name)) {
    name = next.successor;
  }
  return name;
}

function notWaiting(): Fault {
  return new Fault('not-found', 'no such batch waits; "quarantine" lists them');
}
