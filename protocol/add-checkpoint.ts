/** What a log sends to a witness, and what comes back (C2SP tlog-witness, add-checkpoint). */
import { decodeBase64, encodeBase64 } from './bytes.ts';
import { parseDecimalNumber } from './checkpoint.ts';
import { Fault } from './fault.ts';
import { HASH_LENGTH } from './merkle.ts';
import { type NoteSignature, parseNote } from './signed-note.ts';

/** Path below the witness's submission prefix; requests are POST. */
export const ADD_CHECKPOINT_PATH = '/add-checkpoint';

/** Content type of the tree size in an answer 409. */
export const TREE_SIZE_TYPE = 'text/x.tlog.size';

/** Most hashes of a consistency proof. C2SP tlog-witness, add-checkpoint */
const MAX_PROOF = 63;

/** A parsed request; nothing in it is verified. */
export interface AddCheckpoint {
  /** Size of the checkpoint that the witness cosigned last, 0 if none. */
  readonly oldSize: number;
  /** Consistency proof from there. */
  readonly proof: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: string;
}

export function encodeAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): string {
  return `${[`old ${oldSize}`, ...proof.map(encodeBase64)].join('\n')}\n\n${checkpoint}`;
}

/** Parses a request strictly; the checkpoint in it is not parsed. Throws `malformed`. */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const split = body.indexOf('\n\n'); // no line before the checkpoint is empty
  if (split < 0) throw new Fault('malformed', 'no empty line before the checkpoint');
  const [first = '', ...lines] = body.slice(0, split).split('\n');
  if (!first.startsWith('old ')) throw new Fault('malformed', 'no old size');
  if (lines.length > MAX_PROOF) throw new Fault('malformed', 'more hashes than any proof needs');
  const proof = lines.map((line) => {
    const hash = decodeBase64(line);
    if (hash.length !== HASH_LENGTH) throw new Fault('malformed', 'a hash of a proof has 32 octets');
    return hash;
  });
  return { oldSize: parseDecimalNumber(first.slice('old '.length)), proof, checkpoint: body.slice(split + 2) };
}

/** Signature lines of an answer 200 to a checkpoint with this text. Throws `malformed` or `too-large`. */
export function parseSignatureLines(text: string, body: string): readonly NoteSignature[] {
  const note = parseNote(`${text}\n${body}`);
  if (note.text !== text) throw new Fault('malformed', 'not signature lines');
  return note.signatures;
}

/** The tree size in the body of an answer 409. Throws `malformed`. */
export function parseTreeSize(body: string): number {
  if (!body.endsWith('\n')) throw new Fault('malformed', 'not a tree size');
  return parseDecimalNumber(body.slice(0, -1));
}
