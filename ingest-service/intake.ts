/**
 * From a message to custody: accept, ask consent, append to the inbox (durable from there), acknowledge. One agent's
 * batches are taken in order; different agents' share the journal's group commit.
 */

import type { Journal, NewEntry } from '../journal/journal.ts';
import { type Acknowledgement, signAcknowledgement } from '../protocol/acknowledgement.ts';
import { leafSalt, NO_BATCH, readHeader, type Segment, type SignedHeader } from '../protocol/batch.ts';
import { concatBytes } from '../protocol/bytes.ts';
import type { Verify } from '../protocol/cose.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { type AgentId, decodeId, encodeId } from '../protocol/keys.ts';
import type { Leaf } from '../protocol/leaf.ts';
import type { Sha256 } from '../protocol/merkle.ts';
import type { Clock } from '../protocol/time.ts';
import { agentOfBatchesTopic } from '../protocol/topics.ts';
import { type Acceptance, type AcceptContext, type AcceptedBatch, accept, type ChainHead } from './accept.ts';
import { askForEachDevice, mayKeep } from './consent/collect.ts';
import type { Counters } from './counters.ts';
import {
  type HeldBatch,
  type HeldSegment,
  isInboxMark,
  sealHeldBatch,
  tryOpenHeldBatch,
  type WithheldReadings,
} from './inbox.ts';
import { currentName } from './key-changes.ts';
import type { ServiceKeys } from './keys.ts';
import { MAX_QUARANTINED, type Quarantined } from './record/quarantine.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import type { Unsealer } from './unseal.ts';

export interface IntakeDeps {
  readonly store: RecordStore;
  readonly inbox: Journal;
  readonly keys: ServiceKeys;
  readonly unsealer: Unsealer;
  readonly verify: Verify;
  readonly sha256?: Sha256;
  readonly clock: Clock;
  readonly counters: Counters;
}

export interface Intake {
  /** The signed answer for the agent, after the batch is durable; `undefined` when there is nobody to tell. */
  receive(topic: string, payload: Uint8Array): Promise<Uint8Array | undefined>;
  /** A signed refusal of something that never reached {@link receive}, such as an oversized message. */
  refuse(agent: AgentId, fault: Fault): Uint8Array;
  /** The signed word on a batch that people decided on. */
  tellDecision(batch: Quarantined): Uint8Array;
  /** Where the chain of an agent stands, and the id of a batch in it. */
  readonly headOf: AcceptContext['headOf'];
  readonly acceptedId: AcceptContext['acceptedId'];
}

/** An agent's chain as far as it was accepted: the newest batch of this key, and headers of those that are not filed yet. */
interface Chain {
  /** Absent before the first batch of the key; the chain then stands where that of the key before it does. */
  head?: ChainHead;
  readonly unfiled: Map<number, SignedHeader>;
}

/** Reads the inbox once, so that the chains of all agents go on where they stood. */
export async function startIntake(deps: IntakeDeps): Promise<Intake> {
  const { store, inbox, keys, unsealer, verify, clock, counters } = deps;
  const chains = new Map<AgentId, Chain>();
  const queues = new Map<AgentId, Promise<void>>();
  for await (const { entry, held } of unfiledBatches(inbox, keys.inboxKey)) {
    if (held) {
      const signed = readHeader(held.signedHeader);
      advance(chainOf(encodeId(signed.header.agent) as AgentId), signed);
    } else if (!store.batches.leafHashes(entry.id) && !store.quarantine.get(entry.id)) {
      setAsideUnreadable(entry);
    }
  }

  const context: AcceptContext = {
    unsealer,
    verify,
    ...(deps.sha256 && { sha256: deps.sha256 }),
    publicKeyOf: (agent) => store.agents.get(agent)?.publicKey,
    headOf,
    acceptedId(agent, sequence) {
      const known = [store.batches, store.quarantine, store.unreadable]
        .map((each) => each.idAt(agent, sequence))
        .find((id) => id !== undefined);
      return chainOf(agent).unfiled.get(sequence)?.id ?? (known ? decodeId(known) : undefined);
    },
    lastOf(agent) {
      const succession = store.keyEvents.successionOf(agent);
      return succession && { sequence: succession.lastSequence, id: succession.lastBatch };
    },
    isFrozen: (agent) => store.suspects.frozenSince(agent) !== undefined && !store.keyEvents.revocationOf(agent),
    maySpeakFor(agent, subject, device) {
      const patient = store.patients.bySubject(subject);
      // Of a subject that was erased nothing is kept, and a refusal would break the agent's chain.
      if (patient === undefined) return store.erasures.servedErased(currentName(store, agent), subject);
      return store.agents.maySpeakFor(agent, patient.id, device);
    },
  };

  function chainOf(agent: AgentId): Chain {
    let chain = chains.get(agent);
    if (!chain) {
      const known = [store.batches, store.quarantine, store.unreadable]
        .map((each) => each.newest(agent))
        .filter((batch) => batch !== undefined);
      const newest = known.toSorted((a, b) => b.sequence - a.sequence)[0];
      chain = { ...(newest && { head: { sequence: newest.sequence, id: decodeId(newest.id) } }), unfiled: new Map() };
      chains.set(agent, chain);
    }
    return chain;
  }

  function headOf(agent: AgentId): ChainHead {
    const { head } = chainOf(agent);
    if (head) return head;
    const before = store.keyEvents.predecessorOf(agent);
    return before ? headOf(before.agent) : { sequence: 0, id: NO_BATCH };
  }

  /**
   * The disk altered what was acknowledged. What comes behind it is taken and filed all the same: the entry's name is its
   * batch's id, and entries of one agent lie in the order of their sequence.
   */
  function setAsideUnreadable({ id, key, body }: NewEntry): void {
    const agent = key as AgentId;
    if (store.unreadable.has(id)) return;
    const sequence = headOf(agent).sequence + 1;
    store.transaction(() => store.unreadable.insert({ batch: id, agent, sequence, foundAt: clock(), body }));
    chainOf(agent).head = { sequence, id: decodeId(id) };
    counters.add('inbox.unreadable');
  }

  function advance(chain: Chain, signed: SignedHeader): void {
    const { sequence } = signed.header;
    if (chain.head && sequence <= chain.head.sequence) return;
    chain.head = { sequence, id: signed.id };
    chain.unfiled.set(sequence, signed);
    // What is older than any window was filed long ago and is found in the record.
    chain.unfiled.delete(sequence - REMEMBERED);
  }

  async function take(topic: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    const acceptance = await accept(topic, payload, context);
    if (acceptance.outcome === 'rejected' && isFault(acceptance.fault, 'forked')) noteFork(acceptance, payload);
    if (acceptance.outcome !== 'accepted') return answer(acceptance);
    const { batch } = acceptance;
    const { held, withheld } = hold(batch);
    const id = encodeId(batch.id);
    const body = sealHeldBatch(keys.inboxKey, id, held);
    if (store.keyEvents.revocationOf(batch.agent)) return setAside(batch, held, body);
    try {
      await inbox.append([{ key: batch.agent, id, body }]);
    } catch (error) {
      const fault = isFault(error) ? error : new Fault('unavailable', 'the inbox cannot be written', 'later');
      const { agent, id, header } = batch;
      return answer({ outcome: 'rejected', agent, id, sequence: header.sequence, fault });
    }
    // Custody has passed: a crash from here on loses nothing.
    advance(chainOf(batch.agent), { header: batch.header, signed: batch.signedHeader, id: batch.id });
    store.agents.noteAwaited(batch.agent, undefined);
    counters.add('batches.held');
    counters.add('leaves.withheld', withheld);
    return sign({ ...aboutBatch(batch), outcome: 'held', withheld });
  }

  /** A batch of a revoked key waits for people, durably. */
  function setAside(batch: AcceptedBatch, { receivedAt }: HeldBatch, held: Uint8Array): Uint8Array | undefined {
    const { agent, header, signedHeader } = batch;
    const rejected = { outcome: 'rejected', agent, id: batch.id, sequence: header.sequence } as const;
    if (store.quarantine.countWaiting(agent) >= MAX_QUARANTINED) {
      return answer({ ...rejected, fault: new Fault('revoked', 'the key is revoked, and enough of it waits') });
    }
    const id = encodeId(batch.id);
    try {
      const { sequence } = header;
      store.transaction(() => store.quarantine.insert({ batch: id, agent, sequence, receivedAt, signedHeader, held }));
    } catch (error) {
      if (!isFault(error)) throw error;
      return answer({ ...rejected, fault: error });
    }
    advance(chainOf(agent), { header, signed: signedHeader, id: batch.id });
    return answer({ ...rejected, fault: quarantined() });
  }

  /**
   * Before anybody is told: both headers and the second envelope are evidence, and nothing more is taken. The envelope is
   * left out where a reading of somebody who was erased may be in it.
   */
  function noteFork({ agent, id, sequence, signedHeader }: Rejection, envelope: Uint8Array): void {
    if (!agent || !id || sequence === undefined || !signedHeader) return;
    const takenSequence = Math.min(sequence, headOf(agent).sequence);
    const takenId = store.batches.idAt(agent, takenSequence) ?? store.quarantine.idAt(agent, takenSequence) ?? '';
    const taken =
      chainOf(agent).unfiled.get(takenSequence)?.signed ??
      store.batches.get(takenId)?.signedHeader ??
      store.quarantine.get(takenId)?.signedHeader;
    const mayHoldErased = store.erasures.ofAgent(currentName(store, agent)).length > 0;
    store.transaction(() =>
      store.suspects.noteFork({
        agent,
        sequence,
        foundAt: clock(),
        batch: encodeId(id),
        ...(taken && { takenHeader: taken }),
        header: signedHeader,
        envelope: mayHoldErased ? new Uint8Array() : envelope,
      }),
    );
    counters.add('agents.frozen');
  }

  /** Consent at the gate: bodies that may not be collected go no further; their hashes stay, so the batch verifies. */
  function hold(batch: AcceptedBatch): { held: HeldBatch; withheld: number } {
    const receivedAt = clock();
    const segments: HeldSegment[] = [];
    const readings = new Map<string, WithheldReadings>();
    let withheld = 0;
    for (const { segment, leaves } of batch.segments) {
      const patient = store.patients.bySubject(leaves[0]!.subject);
      const consent = patient && store.consents.state(patient);
      const isUnpaired = askForEachDevice((device) => store.agents.isUnpaired(batch.agent, patient!.id, device));
      const isKept = (leaf: Leaf) => mayKeep(consent, leaf, receivedAt, () => isUnpaired(leaf.device));
      const kept = leaves.flatMap((leaf, i) => (isKept(leaf) ? [keep(segment, i)] : []));
      withheld += leaves.length - kept.length;
      if (patient && leaves[0]!.kind === 'reading') {
        const { subject } = patient;
        const before = readings.get(patient.id)?.count ?? 0;
        readings.set(patient.id, { subject, count: before + leaves.length - kept.length });
      }
      const whole = kept.length === leaves.length;
      if (kept.length > 0) segments.push({ leaves: kept, ...(whole && { saltKey: segment.key }) });
    }
    const { signedHeader, leafHashes } = batch;
    const withheldReadings = [...readings.values()].filter(({ count }) => count > 0);
    const held = {
      signedHeader,
      receivedAt,
      leafHashes: concatBytes(...leafHashes),
      withheld,
      withheldReadings,
      segments,
    };
    return { held, withheld };
  }

  function answer(acceptance: Exclude<Acceptance, { outcome: 'accepted' }>): Uint8Array | undefined {
    if (acceptance.outcome === 'duplicate') {
      const aside = store.quarantine.get(encodeId(acceptance.id));
      if (aside && aside.decision !== 'accepted') {
        const fault = aside.decision ? new Fault('rejected', 'people did not let it in') : quarantined();
        return answer({ ...acceptance, outcome: 'rejected', fault });
      }
      counters.add('batches.duplicate');
      const { agent, id, sequence } = acceptance;
      const withheld = store.batches.get(encodeId(id))?.withheld;
      return sign({
        agent: decodeId(agent),
        batch: id,
        sequence,
        outcome: 'duplicate',
        ...(withheld !== undefined && { withheld }),
      });
    }
    const { fault, agent, id, sequence, expected } = acceptance;
    counters.add(`batches.refused.${fault.code}`);
    if (!agent || !store.agents.get(agent)) return undefined;
    if (expected !== undefined) store.agents.noteAwaited(agent, expected);
    return sign({
      agent: decodeId(agent),
      outcome: 'refused',
      code: fault.code,
      retry: fault.retry,
      ...(id && { batch: id }),
      ...(sequence !== undefined && { sequence }),
      ...(expected !== undefined && { expected }),
    });
  }

  function sign(acknowledgement: Omit<Acknowledgement, 'at'>): Uint8Array {
    return signAcknowledgement({ ...acknowledgement, at: clock() }, keys.signer);
  }

  return {
    receive(topic, payload) {
      const agent = agentOfBatchesTopic(topic);
      if (agent === undefined || !store.agents.get(agent)) return take(topic, payload); // refused and counted at once
      // One queue for all keys of an agent: they continue one chain.
      const first = store.keyEvents.lineOf(agent).at(-1)!;
      const turn = (queues.get(first) ?? Promise.resolve()).then(() => take(topic, payload));
      const settled: Promise<void> = turn.then(forget, forget);
      queues.set(first, settled);
      return turn;
      function forget(): void {
        if (queues.get(first) === settled) queues.delete(first);
      }
    },
    refuse: (agent, fault) => answer({ outcome: 'rejected', agent, fault })!,
    tellDecision: ({ batch, agent, sequence }) =>
      answer({ outcome: 'duplicate', agent: agent as AgentId, id: decodeId(batch), sequence })!,
    headOf,
    acceptedId: context.acceptedId,
  };
}

/** More batches than an agent ever has in flight between the inbox and the record. */
const REMEMBERED = 4096;

function keep({ key, start, bodies }: Segment, i: number): HeldSegment['leaves'][number] {
  return { index: start + i, salt: leafSalt(key, start + i), body: bodies[i]! };
}

type Rejection = Extract<Acceptance, { outcome: 'rejected' }>;

function quarantined(): Fault {
  return new Fault('quarantined', 'the key is revoked; people decide', 'later');
}

function aboutBatch({ id, header }: AcceptedBatch) {
  return { agent: header.agent, batch: id, sequence: header.sequence };
}

/** `held` is absent where the entry does not open. */
async function* unfiledBatches(
  inbox: Journal,
  inboxKey: Uint8Array,
): AsyncGenerator<{ readonly entry: NewEntry; readonly held: HeldBatch | undefined }> {
  let from = 0;
  for (;;) {
    const entries = await inbox.read(from, 100);
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (!isInboxMark(entry)) yield { entry, held: tryOpenHeldBatch(inboxKey, entry.id, entry.body) };
    }
    from = entries.at(-1)!.position + 1;
  }
}
