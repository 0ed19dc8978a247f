/** Where the chain of each agent stands, from the record and from what waits in the inbox. */
import { NO_BATCH, readHeader, type SignedHeader } from '../protocol/batch.ts';
import { type AgentId, decodeId, encodeId } from '../protocol/keys.ts';
import type { ChainHead } from './accept.ts';
import type { RecordStore } from './record/record-sqlite.ts';

/** An agent's chain as far as it was accepted: the newest batch of this key, and headers of those that are not filed yet. */
interface Chain {
  /** Absent before the first batch of the key; the chain then stands where that of the key before it does. */
  head: ChainHead | undefined;
  readonly unfiled: Map<number, SignedHeader>;
}

/** More batches than an agent ever has in flight between the inbox and the record. */
const REMEMBERED = 4096;

export type Chains = ReturnType<typeof createChains>;

export function createChains(store: RecordStore) {
  const chains = new Map<AgentId, Chain>();

  function chainOf(agent: AgentId): Chain {
    let chain = chains.get(agent);
    if (!chain) {
      chain = { head: newestStored(store, agent), unfiled: new Map() };
      chains.set(agent, chain);
    }
    return chain;
  }

  function headOf(agent: AgentId): ChainHead {
    const { head } = chainOf(agent);
    if (head) return { sequence: head.sequence, id: head.id ?? idAt(agent, head.sequence) };
    const before = store.keyEvents.predecessorOf(agent);
    if (!before) return { sequence: 0, id: NO_BATCH };
    const last = headOf(before.agent);
    // What the key before named as its last is known, whatever became of that.
    return last.sequence < before.lastSequence ? last : { sequence: before.lastSequence, id: before.lastBatch };
  }

  /** The signed header of an agent's batch, where the service has it. */
  function headerAt(agent: AgentId, sequence: number): Uint8Array | undefined {
    const stored = store.batches.idAt(agent, sequence) ?? store.quarantine.idAt(agent, sequence);
    return (
      chainOf(agent).unfiled.get(sequence)?.signed ??
      (stored ? (store.batches.get(stored) ?? store.quarantine.get(stored))?.signedHeader : undefined)
    );
  }

  /** The disk altered the batch in the inbox before it was filed, and it did not come again. */
  function isLost(agent: AgentId, sequence: number): boolean {
    const isThere = store.batches.idAt(agent, sequence) ?? store.quarantine.idAt(agent, sequence);
    return isThere === undefined && store.unreadable.idAt(agent, sequence) !== undefined;
  }

  /** Id of the agent's batch with this sequence; `undefined` where there is none, or it is lost and nothing names it yet. */
  function idAt(agent: AgentId, sequence: number): Uint8Array | undefined {
    const known = chainOf(agent).unfiled.get(sequence)?.id;
    if (known) return known;
    const stored = store.batches.idAt(agent, sequence) ?? store.quarantine.idAt(agent, sequence);
    if (stored !== undefined) return decodeId(stored);
    if (!isLost(agent, sequence)) return undefined;
    const next = headerAt(agent, sequence + 1);
    if (next) return readHeader(next).header.previous;
    const succession = store.keyEvents.successionOf(agent);
    return succession?.lastSequence === sequence ? succession.lastBatch : undefined;
  }

  return {
    headOf,
    headerAt,
    isLost,
    idAt,

    /** The batch is durable. */
    advance(signed: SignedHeader): void {
      const chain = chainOf(encodeId(signed.header.agent) as AgentId);
      const { sequence } = signed.header;
      const { head } = chain;
      if (head && (sequence < head.sequence || (sequence === head.sequence && head.id))) {
        // It may fill a place that was left open, and is none of those that the record has.
        if (!idAt(encodeId(signed.header.agent) as AgentId, sequence)) chain.unfiled.set(sequence, signed);
        return;
      }
      chain.head = { sequence, id: signed.id };
      chain.unfiled.set(sequence, signed);
      // What is older than any window was filed long ago and is found in the record.
      chain.unfiled.delete(sequence - REMEMBERED);
    },

    /** The newest batch is lost: the chain goes on behind it. */
    passLost(agent: AgentId, sequence: number): void {
      chainOf(agent).head = { sequence, id: undefined };
    },
  };
}

/** The newest of an agent's key in the record. Of a lost one the name is not to be trusted. */
export function newestStored(store: RecordStore, agent: string): ChainHead | undefined {
  const known = [store.batches, store.quarantine].map((each) => each.newest(agent)).filter((one) => one !== undefined);
  const newest = known.toSorted((a, b) => b.sequence - a.sequence)[0];
  const lost = store.unreadable.newest(agent);
  if (lost !== undefined && lost > (newest?.sequence ?? 0)) return { sequence: lost, id: undefined };
  return newest && { sequence: newest.sequence, id: decodeId(newest.id) };
}
