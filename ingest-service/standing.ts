/**
 * How far a filed reading can be proven right now, for the badges: its batch's signature and tree are checked here, not
 * remembered from the day it came in.
 */
import { openHeader } from '../protocol/batch.ts';
import { equalBytes } from '../protocol/bytes.ts';
import type { Verify } from '../protocol/cose.ts';
import { encodeId } from '../protocol/keys.ts';
import { rootOf } from '../protocol/merkle.ts';
import type { AnchorCount, AnchorWatch } from './anchors.ts';
import { splitHashes } from './receipts.ts';
import type { RecordStore } from './record/record-sqlite.ts';

export interface Standing {
  /** The agent's signature on the batch header holds. */
  readonly signed: boolean;
  /** The kept leaf hashes lead to the signed root. */
  readonly inTree: boolean;
  /** A signed checkpoint of the log covers the batch. */
  readonly inLog: boolean;
  /** How many anchors hold it for good; absent where there are none. */
  readonly anchors?: AnchorCount;
}

export type StandingOf = (batch: string) => Standing;

/** Checks of a batch are remembered, newest 1,000; whether it is in the log is asked every time until it is. */
export function createStanding(
  store: RecordStore,
  verify: Verify,
  anchorsOf: AnchorWatch['countOf'] = () => undefined,
): StandingOf {
  const checked = new Map<string, Pick<Standing, 'signed' | 'inTree'>>();
  return (id) => {
    let standing = checked.get(id);
    if (!standing) {
      standing = check(store, id, verify);
      checked.set(id, standing);
      if (checked.size > 1000) checked.delete(checked.keys().next().value!);
    }
    const index = store.batches.logIndex(id);
    const anchors = anchorsOf(index);
    return { ...standing, inLog: index !== undefined, ...(anchors && { anchors }) };
  };
}

function check(store: RecordStore, id: string, verify: Verify): Pick<Standing, 'signed' | 'inTree'> {
  const batch = store.batches.get(id);
  const agent = batch && store.agents.get(batch.agent);
  if (!batch || !agent) return { signed: false, inTree: false };
  try {
    const { header, id: signedId } = openHeader(batch.signedHeader, agent.publicKey, verify);
    const root = rootOf(splitHashes(batch.leafHashes));
    return { signed: encodeId(signedId) === id, inTree: equalBytes(root, header.root) };
  } catch {
    return { signed: false, inTree: false };
  }
}
