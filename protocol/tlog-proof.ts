/** Offline proofs that an entry is in a log (C2SP tlog-proof): index, inclusion proof, and the checkpoint verbatim. */
import { decodeBase64, encodeBase64 } from './bytes.ts';
import { type OpenedCheckpoint, openCheckpoint, parseDecimalNumber } from './checkpoint.ts';
import { Fault } from './fault.ts';
import { HASH_LENGTH, type Sha256, verifyInclusion } from './merkle.ts';
import type { NoteKey } from './signed-note.ts';

/** A parsed proof; nothing in it is verified. */
export interface TlogProof {
  /** Zero-based index of the entry in the log. */
  readonly index: number;
  /** RFC 9162 §2.1.3.1 inclusion proof, the leaf's sibling first. */
  readonly proof: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: string;
  /** Opaque and not authenticated. */
  readonly extra?: Uint8Array;
}

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';

/** No tree of at most 2^53 entries needs a longer proof. */
const MAX_PROOF = 53;

/** The text of a proof (file extension `.tlog-proof`). */
export function encodeTlogProof({ index, proof, checkpoint, extra }: TlogProof): string {
  const lines = [
    FIRST_LINE,
    ...(extra === undefined ? [] : [`extra ${encodeBase64(extra)}`]),
    `index ${index}`,
    ...proof.map(encodeBase64),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** Parses a proof strictly; the checkpoint in it is not parsed. Throws `malformed`. */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n'); // no line before the checkpoint is empty
  if (split < 0) throw new Fault('malformed', 'proof without a checkpoint');
  const [first, ...lines] = text.slice(0, split).split('\n');
  if (first !== FIRST_LINE) throw new Fault('malformed', 'not a tlog-proof of version 1');
  const extra = lines[0]?.startsWith('extra ') ? decodeBase64(lines.shift()!.slice('extra '.length)) : undefined;
  const indexLine = lines.shift();
  if (indexLine === undefined || !indexLine.startsWith('index '))
    throw new Fault('malformed', 'proof without an index');
  if (lines.length > MAX_PROOF) throw new Fault('malformed', 'more hashes than any proof needs');
  const proof = lines.map((line) => {
    const hash = decodeBase64(line);
    if (hash.length !== HASH_LENGTH) throw new Fault('malformed', 'a hash of a proof has 32 octets');
    return hash;
  });
  const index = parseDecimalNumber(indexLine.slice('index '.length));
  return { index, proof, checkpoint: text.slice(split + 2), ...(extra === undefined ? {} : { extra }) };
}

/** What a reader of a proof holds and trusts. */
export interface TlogProofTrust {
  /** Hash of the entry: `hashLeaf(entry)`. */
  readonly leafHash: Uint8Array;
  /** Keys of the log (and of no witness: a cosignature alone does not make a checkpoint the log's). */
  readonly keys: readonly NoteKey[];
  readonly origin: string;
}

/**
 * Opens the checkpoint and checks that the entry is in its tree. Throws `malformed`, `bad-signature`, `wrong-key`
 * (another log), or `inconsistent` when the path does not lead to the signed root.
 */
export function verifyTlogProof(proof: TlogProof, trust: TlogProofTrust, sha256?: Sha256): OpenedCheckpoint {
  const opened = openCheckpoint(proof.checkpoint, trust.keys, trust.origin);
  const { size: treeSize, root } = opened.checkpoint;
  const claim = { leafHash: trust.leafHash, index: proof.index, treeSize, proof: proof.proof, root };
  if (!verifyInclusion(claim, sha256)) throw new Fault('inconsistent', 'the entry is not in the signed tree');
  return opened;
}
