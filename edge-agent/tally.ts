/**
 * Says in every batch how much of each subject it holds, and which batch before held anything of the subject, so that
 * whoever shows batches to a stranger can hide neither a reading nor a batch (docs/format.md §4.3).
 */
import { encodeHex } from '../protocol/bytes.ts';
import { type CoverageLeaf, encodeLeaf, type Leaf } from '../protocol/leaf.ts';

export interface EncodedLeaf {
  readonly leaf: Leaf;
  readonly body: Uint8Array;
}

/** Sequence of the agent's newest batch with leaves of a subject; 0 for none. */
export type SpokenOf = (subject: Uint8Array) => number;

export interface Tallied {
  /** In the order of `leaves`; a subject without a coverage leaf got one of no length, at the end. */
  readonly leaves: readonly EncodedLeaf[];
  readonly subjects: readonly Uint8Array[];
}

/** Writes the tally into the first coverage leaf of each subject. Leaves are given in the order of the tree. */
export function addTallies(leaves: readonly EncodedLeaf[], spokenOf: SpokenOf): Tallied {
  const tallied = [...leaves];
  const subjects: Uint8Array[] = [];
  const bySubject = Map.groupBy(leaves.keys(), (i) => encodeHex(leaves[i]!.leaf.subject));
  for (const indexes of bySubject.values()) {
    const own = indexes.map((i) => leaves[i]!.leaf);
    const { subject } = own[0]!;
    subjects.push(subject);
    const at = indexes.find((i) => leaves[i]!.leaf.kind === 'coverage');
    const coverages = own.filter(({ kind }) => kind === 'coverage').length;
    const tally = {
      readings: own.filter(({ kind }) => kind === 'reading').length,
      coverages: Math.max(1, coverages),
      after: spokenOf(subject),
    };
    const leaf: CoverageLeaf = { ...(at === undefined ? momentOf(own) : (leaves[at]!.leaf as CoverageLeaf)), tally };
    tallied[at ?? tallied.length] = { leaf, body: encodeLeaf(leaf) };
  }
  return { leaves: tallied, subjects };
}

/** A coverage leaf that speaks for no time: it only carries the tally. */
function momentOf(own: readonly Leaf[]): CoverageLeaf {
  const { subject, device, test } = own.at(-1)!;
  const at = own.reduce((last, leaf) => Math.max(last, endOf(leaf)), 0);
  return { kind: 'coverage', subject, device, from: at, to: at, state: 'received', test };
}

function endOf(leaf: Leaf): number {
  if (leaf.kind === 'coverage') return leaf.to;
  return leaf.kind === 'correction' ? leaf.correctedAt : leaf.heardAt;
}
