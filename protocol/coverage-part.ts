/** What one batch of a certificate shows of the patient: all of its coverage, and what became of each of its readings. */
import { leafHash, type SignedHeader } from './batch.ts';
import { equalBytes } from './bytes.ts';
import type { CertifiedPart } from './coverage-certificate.ts';
import { isFault } from './fault.ts';
import { type CoverageLeaf, decodeLeaf, type Tally } from './leaf.ts';
import { type PlacedLeaf, rootOfMany } from './merkle-many.ts';

/** Coverage that holds, what does not hold, and readings that are missing, in words. */
export interface ShownPart {
  readonly leaves: readonly CoverageLeaf[];
  readonly wrong: readonly string[];
  readonly missing: readonly string[];
}

export function provePart({ header }: SignedHeader, part: CertifiedPart | undefined, subject: Uint8Array): ShownPart {
  if (!part) return { leaves: [], wrong: [], missing: [] };
  const { sequence } = header;
  const hashes = part.leaves.map(({ index, salt, body }) => ({ index, hash: leafHash(salt, body) }));
  const leaves = leadTo(header.root, hashes, header.leafCount, part.proof) ? readLeaves(part, subject) : undefined;
  if (!leaves)
    return { leaves: [], wrong: [`Coverage of batch ${sequence} is not what the agent signed.`], missing: [] };
  const first = part.leaves[0]!.index;
  const tally = leaves[0]!.tally;
  const joined = part.leaves.every(({ index }, i) => index === first + i);
  if (!tally || tally.coverages !== leaves.length || !joined || tally.readings > first) {
    return { leaves, wrong: [`Not all coverage of batch ${sequence} is shown.`], missing: [] };
  }
  const missing = checkReadings(part, tally, first);
  return { leaves, wrong: [], missing: missing === undefined ? [] : [`Of batch ${sequence}, ${missing}.`] };
}

/** True when leaves and proof lead to the root. Never throws for what they are. */
export function leadTo(
  root: Uint8Array,
  leaves: readonly PlacedLeaf[],
  treeSize: number,
  proof: readonly Uint8Array[],
): boolean {
  try {
    return equalBytes(rootOfMany(leaves, treeSize, proof), root);
  } catch (error) {
    if (isFault(error)) return false;
    throw error;
  }
}

function readLeaves({ leaves }: CertifiedPart, subject: Uint8Array): CoverageLeaf[] | undefined {
  const read = leaves.map(({ body }) => decodeLeaf(body));
  const isOwn = (leaf: (typeof read)[number]): leaf is CoverageLeaf =>
    leaf.kind === 'coverage' && equalBytes(leaf.subject, subject);
  return read.length > 0 && read.every(isOwn) ? read : undefined;
}

/** The readings stand right before the coverage leaves, so their places are known; each must be accounted for. */
function checkReadings({ held, doubles, withheld }: CertifiedPart, tally: Tally, first: number): string | undefined {
  const runs = held.toSorted((a, b) => a.start - b.start);
  let at = first - tally.readings;
  for (const { start, count } of runs) {
    if (start < at || count < 1 || start + count > first) return 'readings are claimed where the agent put none';
    at = start + count;
  }
  const shown = runs.reduce((sum, { count }) => sum + count, doubles + withheld);
  if (shown > tally.readings) return 'more readings are claimed than the agent sealed';
  const rest = tally.readings - shown;
  if (rest === 0) return undefined;
  return `${rest} of ${tally.readings} readings ${rest === 1 ? 'is' : 'are'} missing: not in the record, and nobody says why`;
}
