/**
 * From a message to custody: accept, ask consent, append to the inbox (durable from there), acknowledge. One agent's
 * batches are taken in order; different agents' share the journal's group commit.
 */

import type { Journal } from '../journal/journal.ts';
import { type Acknowledgement, signAcknowledgement } from '../protocol/acknowledgement.ts';
import { leafSalt, NO_BATCH, readHeader, type Segment } from '../protocol/batch.ts';
import { concatBytes } from '../protocol/bytes.ts';
import type { Verify } from '../protocol/cose.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { type AgentId, decodeId, encodeId } from '../protocol/keys.ts';
import type { Leaf } from '../protocol/leaf.ts';
import type { Sha256 } from '../protocol/merkle.ts';
import type { Clock } from '../protocol/time.ts';
import { agentOfBatchesTopic } from '../protocol/topics.ts';
import { type Acceptance, type AcceptContext, type AcceptedBatch, accept, type ChainHead } from './accept.ts';
import { mayKeep } from './consent/collect.ts';
import type { Counters } from './counters.ts';
import { type HeldBatch, type HeldSegment, isInboxMark, openHeldBatch, sealHeldBatch } from './inbox.ts';
import type { ServiceKeys } from './keys.ts';
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
}

/** An agent's chain as far as it was accepted: the newest batch, and ids of those that are not filed yet. */
interface Chain {
  head: ChainHead;
  readonly unfiled: Map<number, Uint8Array>;
}

/** Reads the inbox once, so that the chains of all agents go on where they stood. */
export async function startIntake(deps: IntakeDeps): Promise<Intake> {
  const { store, inbox, keys, unsealer, verify, clock, counters } = deps;
  const chains = new Map<AgentId, Chain>();
  const queues = new Map<AgentId, Promise<void>>();
  for await (const held of unfiledBatches(inbox, keys.inboxKey)) {
    const { header, id } = readHeader(held.signedHeader);
    advance(chainOf(encodeId(header.agent) as AgentId), header.sequence, id);
  }

  const context: AcceptContext = {
    unsealer,
    verify,
    ...(deps.sha256 && { sha256: deps.sha256 }),
    publicKeyOf: (agent) => store.agents.get(agent)?.publicKey,
    headOf: (agent) => chainOf(agent).head,
    acceptedId(agent, sequence) {
      const filed = store.batches.idAt(agent, sequence);
      return chainOf(agent).unfiled.get(sequence) ?? (filed ? decodeId(filed) : undefined);
    },
    maySpeakFor(agent, subject, device) {
      const patient = store.patients.bySubject(subject);
      // Of a subject that was erased nothing is kept, and a refusal would break the agent's chain.
      if (patient === undefined) return store.erasures.servedErased(agent, subject);
      return store.agents.maySpeakFor(agent, patient.id, device);
    },
  };

  function chainOf(agent: AgentId): Chain {
    let chain = chains.get(agent);
    if (!chain) {
      const filed = store.batches.newest(agent);
      const head = filed ? { sequence: filed.sequence, id: decodeId(filed.id) } : { sequence: 0, id: NO_BATCH };
      chain = { head, unfiled: new Map() };
      chains.set(agent, chain);
    }
    return chain;
  }

  function advance(chain: Chain, sequence: number, id: Uint8Array): void {
    if (sequence <= chain.head.sequence) return;
    chain.head = { sequence, id };
    chain.unfiled.set(sequence, id);
    // What is older than any window was filed long ago and is found in the record.
    chain.unfiled.delete(sequence - REMEMBERED);
  }

  async function take(topic: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    const acceptance = await accept(topic, payload, context);
    if (acceptance.outcome !== 'accepted') return answer(acceptance);
    const { batch } = acceptance;
    const { held, withheld } = hold(batch);
    try {
      const id = encodeId(batch.id);
      await inbox.append([{ key: batch.agent, id, body: sealHeldBatch(keys.inboxKey, id, held) }]);
    } catch (error) {
      const fault = isFault(error) ? error : new Fault('unavailable', 'the inbox cannot be written', 'later');
      const { agent, id, header } = batch;
      return answer({ outcome: 'rejected', agent, id, sequence: header.sequence, fault });
    }
    // Custody has passed: a crash from here on loses nothing.
    advance(chainOf(batch.agent), batch.header.sequence, batch.id);
    store.agents.noteAwaited(batch.agent, undefined);
    counters.add('batches.held');
    counters.add('leaves.withheld', withheld);
    return sign({ ...aboutBatch(batch), outcome: 'held', withheld });
  }

  /** Consent at the gate: bodies that may not be collected go no further; their hashes stay, so the batch verifies. */
  function hold(batch: AcceptedBatch): { held: HeldBatch; withheld: number } {
    const receivedAt = clock();
    const segments: HeldSegment[] = [];
    let withheld = 0;
    for (const { segment, leaves } of batch.segments) {
      const patient = store.patients.bySubject(leaves[0]!.subject);
      const consent = patient && store.consents.state(patient);
      const isKept = (leaf: Leaf) =>
        mayKeep(consent, leaf, receivedAt, () => store.agents.isUnpaired(batch.agent, patient!.id, leaf.device));
      const kept = leaves.flatMap((leaf, i) => (isKept(leaf) ? [keep(segment, i)] : []));
      withheld += leaves.length - kept.length;
      const whole = kept.length === leaves.length;
      if (kept.length > 0) segments.push({ leaves: kept, ...(whole && { saltKey: segment.key }) });
    }
    const { signedHeader, leafHashes } = batch;
    return { held: { signedHeader, receivedAt, leafHashes: concatBytes(...leafHashes), withheld, segments }, withheld };
  }

  function answer(acceptance: Exclude<Acceptance, { outcome: 'accepted' }>): Uint8Array | undefined {
    if (acceptance.outcome === 'duplicate') {
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
      const turn = (queues.get(agent) ?? Promise.resolve()).then(() => take(topic, payload));
      const settled: Promise<void> = turn.then(forget, forget);
      queues.set(agent, settled);
      return turn;
      function forget(): void {
        if (queues.get(agent!) === settled) queues.delete(agent!);
      }
    },
    refuse: (agent, fault) => answer({ outcome: 'rejected', agent, fault })!,
  };
}

/** More batches than an agent ever has in flight between the inbox and the record. */
const REMEMBERED = 4096;

function keep({ key, start, bodies }: Segment, i: number): HeldSegment['leaves'][number] {
  return { index: start + i, salt: leafSalt(key, start + i), body: bodies[i]! };
}

function aboutBatch({ id, header }: AcceptedBatch) {
  return { agent: header.agent, batch: id, sequence: header.sequence };
}

async function* unfiledBatches(inbox: Journal, inboxKey: Uint8Array): AsyncGenerator<HeldBatch> {
  let from = 0;
  for (;;) {
    const entries = await inbox.read(from, 100);
    if (entries.length === 0) return;
    for (const entry of entries) if (!isInboxMark(entry)) yield openHeldBatch(inboxKey, entry.id, entry.body);
    from = entries.at(-1)!.position + 1;
  }
}
