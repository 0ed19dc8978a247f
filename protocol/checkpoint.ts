/** Checkpoints (C2SP tlog-checkpoint): the signed note in which a log says its size and its root. */
import { decodeBase64, encodeBase64 } from './bytes.ts';
import type { Verify } from './cose.ts';
import { Fault } from './fault.ts';
import { HASH_LENGTH } from './merkle.ts';
import { type Note, type NoteKey, type NoteSigner, parseNote, signNote, verifyNote } from './signed-note.ts';

/** A tree head: which log, how many entries, and the root over them. */
export interface Checkpoint {
  /** Unique name of the log, not empty, one line. */
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  /** RFC 9162 §2.1.1 root over the first `size` entries, 32 octets. */
  readonly root: Uint8Array;
  /** Opaque further lines; none in our logs. */
  readonly extensions: readonly string[];
}

/** A checkpoint whose signature was verified. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: Note;
  /** The trusted keys that signed it. */
  readonly signedBy: readonly NoteKey[];
}

const DECIMAL = /^(?:0|[1-9][0-9]*)$/;

/** A whole number in ASCII decimal without leading zeroes. Throws `malformed`. */
export function parseDecimalNumber(text: string): number {
  const number = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new Fault('malformed', 'not a decimal number in its shortest form');
  return number;
}

/** The note text: origin, decimal size, base64 root, extension lines, each with its newline. */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  const lines = [origin, String(size), encodeBase64(root), ...extensions];
  if (lines.some((line) => line === '' || line.includes('\n')) || root.length !== HASH_LENGTH) {
    throw new Fault('malformed', 'not a checkpoint');
  }
  parseDecimalNumber(String(size));
  return `${lines.join('\n')}\n`;
}

/** The checkpoint of a note text. Throws `malformed`. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.length < 3 || lines.includes('')) throw new Fault('malformed', 'not a checkpoint');
  const [origin = '', size = '', encoded = '', ...extensions] = lines;
  const root = decodeBase64(encoded);
  if (root.length !== HASH_LENGTH) throw new Fault('malformed', 'the root of a checkpoint has 32 octets');
  return { origin, size: parseDecimalNumber(size), root, extensions };
}

/** Signs a tree head of the log named `origin`; the log's own signer comes first and bears the origin's name. */
export function signCheckpoint(
  head: { origin: string; size: number; root: Uint8Array },
  signers: readonly NoteSigner[],
): string {
  return signNote(formatCheckpoint({ ...head, extensions: [] }), signers);
}

/**
 * Verifies the note under the trusted keys, then reads it. Throws `bad-signature`, `malformed`, or `wrong-key` when the
 * note is of another origin than asked for.
 */
export function openCheckpoint(
  text: string,
  keys: readonly NoteKey[],
  origin?: string,
  verify?: Verify,
): OpenedCheckpoint {
  const note = parseNote(text);
  const signedBy = verifyNote(note, keys, verify);
  const checkpoint = parseCheckpoint(note.text);
  if (origin !== undefined && checkpoint.origin !== origin) throw new Fault('wrong-key', 'checkpoint of another log');
  return { checkpoint, note, signedBy };
}
