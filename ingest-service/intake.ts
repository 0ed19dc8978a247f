/**
 * From a message to custody: accept, ask consent, append to the inbox (durable from there), acknowledge. One agent's
 * batches are taken in order; different agents' share the journal's group commit.
 */

import type { Journal, NewEntry } from '../journal/journal.ts';
import { type Acknowledgement, signAcknowledgement } from '../protocol/acknowledgement.ts';
import { leafSalt, readHeader, type Segment } from '../protocol/batch.ts';
import { concatBytes } from '../protocol/bytes.ts';
import type { Verify } from '../protocol/cose.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { type AgentId, decodeId, encodeId } from '../protocol/keys.ts';
import type { Leaf } from '../protocol/leaf.ts';
import type { Sha256 } from '../protocol/merkle.ts';
import type { Clock } from '../protocol/time.ts';
import { agentOfBatchesTopic } from '../protocol/topics.ts';
import { type Acceptance, type AcceptContext, type AcceptedBatch, accept } from './accept.ts';
import { openEntry, setAsideAltered } from './altered-entries.ts';
import { createChains } from './chains.ts';
import { askForEachDevice, mayKeep } from './consent/collect.ts';
import type { Counters } from './counters.ts';
import type { Filer } from './filer.ts';
import { type HeldBatch, type HeldSegment, isInboxMark, sealHeldBatch, type WithheldReadings } from './inbox.ts';
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
  readonly filer: Filer;
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

/** Reads the inbox once, so that the chains of all agents go on where they stood. */
export async function startIntake(deps: IntakeDeps): Promise<Intake> {
  const { store, inbox, keys, unsealer, verify, clock, counters, filer } = deps;
  const chains = createChains(store);
  const queues = new Map<AgentId, Promise<void>>();
  for await (const entry of entriesOf(inbox)) {
    const opened = openEntry(store, keys.inboxKey, entry);
    if (opened) chains.advance(readHeader(opened.held.signedHeader));
    else {
      const place = setAsideAltered(deps, entry, (agent) => chains.headOf(agent as AgentId).sequence);
      if (place) chains.passLost(place.agent as AgentId, place.sequence);
    }
  }

  const context: AcceptContext = {
    unsealer,
    verify,
    ...(deps.sha256 && { sha256: deps.sha256 }),
    publicKeyOf: (agent) => store.agents.get(agent)?.publicKey,
    headOf: chains.headOf,
    acceptedId: chains.idAt,
    isLost: chains.isLost,
    hasStray: store.unreadable.hasStray,
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

  async function take(topic: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    const acceptance = await accept(topic, payload, context);
    if (acceptance.outcome === 'rejected' && isFault(acceptance.fault, 'forked')) noteFork(acceptance, payload);
    if (acceptance.outcome !== 'accepted') return answer(acceptance);
    const { batch } = acceptance;
    const { held, withheld } = hold(batch);
    const id = encodeId(batch.id);
    const body = sealHeldBatch(keys.inboxKey, id, held);
    if (store.keyEvents.revocationOf(batch.agent)) return setAside(batch, held, body);
    const { agent, header } = batch;
    try {
      findPlace(batch, id);
      // The journal keeps the first of each id, and that is altered: what is lost goes into the record at once.
      if (chains.isLost(agent, header.sequence)) filer.file(id, held, body);
      else await inbox.append([{ key: agent, id, body }]);
    } catch (error) {
      const fault = isFault(error) ? error : new Fault('unavailable', 'the inbox cannot be written', 'later');
      return answer({ outcome: 'rejected', agent, id: batch.id, sequence: header.sequence, fault });
    }
    // Custody has passed: a crash from here on loses nothing.
    chains.advance({ header, signed: batch.signedHeader, id: batch.id });
    store.agents.noteAwaited(agent, undefined);
    counters.add('batches.held');
    counters.add('leaves.withheld', withheld);
    return sign({ ...aboutBatch(batch), outcome: 'held', withheld });
  }

  /**
   * What shows of an altered entry whose it was, and where: this batch has its id, or fills a place below the newest that is
   * open, or leaves the one before it open. Nobody else can claim it then.
   */
  function findPlace({ agent, header: { sequence } }: AcceptedBatch, id: string): void {
    const head = chains.headOf(agent).sequence;
    const { unreadable } = store;
    if (unreadable.has(id)) store.transaction(() => unreadable.place(id, agent, sequence));
    else if (sequence > head + 1) {
      store.transaction(() => unreadable.adoptStray(agent, sequence - 1));
      chains.passLost(agent, sequence - 1);
    } else if (sequence <= head && !chains.isLost(agent, sequence)) {
      store.transaction(() => unreadable.adoptStray(agent, sequence));
    }
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
      store.transaction(() => {
        store.quarantine.insert({ batch: id, agent, sequence, receivedAt, signedHeader, held });
        store.unreadable.settle(agent, sequence);
      });
    } catch (error) {
      if (!isFault(error)) throw error;
      return answer({ ...rejected, fault: error });
    }
    chains.advance({ header, signed: signedHeader, id: batch.id });
    return answer({ ...rejected, fault: quarantined() });
  }

  /**
   * Before anybody is told: both headers and the second envelope are evidence, and nothing more is taken. The envelope is
   * left out where a reading of somebody who was erased may be in it.
   */
  function noteFork({ agent, id, sequence, signedHeader }: Rejection, envelope: Uint8Array): void {
    if (!agent || !id || sequence === undefined || !signedHeader) return;
    const taken = chains.headerAt(agent, Math.min(sequence, chains.headOf(agent).sequence));
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
    headOf: chains.headOf,
    acceptedId: chains.idAt,
  };
}

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

async function* entriesOf(inbox: Journal): AsyncGenerator<NewEntry> {
  let from = 0;
  for (;;) {
    const entries = await inbox.read(from, 100);
    if (entries.length === 0) return;
    yield* entries.filter((entry) => !isInboxMark(entry));
    from = entries.at(-1)!.position + 1;
  }
}
