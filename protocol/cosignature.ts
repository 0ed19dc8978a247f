/**
 * Cosignatures of witnesses (C2SP tlog-cosignature, Ed25519, `cosignature/v1`): the word of somebody else, with a time,
 * that a checkpoint extends every one that they cosigned for this log before.
 */
import { concatBytes, encodeUtf8, equalBytes } from './bytes.ts';
import type { Verify } from './cose.ts';
import { publicKeyOf, SIGNATURE_LENGTH, signEd25519, verifyEd25519 } from './ed25519.ts';
import { Fault } from './fault.ts';
import {
  encodeVerifierKey,
  formatNote,
  type Note,
  type NoteSignature,
  noteKeyOf,
  parseVerifierKey,
} from './signed-note.ts';

/** Signature type identifier of timestamped Ed25519 cosignatures. C2SP signed-note, Signature types */
export const COSIGNATURE_TYPE = 0x04;

/**
 * A witness that a reader trusts. Not a {@link NoteKey}, so that no witness passes for a log: a cosignature alone does
 * not make a checkpoint the log's.
 */
export interface WitnessKey {
  readonly name: string;
  readonly keyId: number;
  /** Ed25519. Of use for cosignatures only; the signed message does not name the witness. */
  readonly witnessKey: Uint8Array;
}

/** A key that cosigns. */
export interface Cosigner extends WitnessKey {
  sign(message: Uint8Array): Uint8Array;
}

/** A cosignature that was verified. */
export interface Cosignature {
  readonly witness: WitnessKey;
  /** When the witness made it, in seconds since 1970, by its own clock. */
  readonly timestamp: number;
}

/** Octets of the timestamp in front of the Ed25519 signature. C2SP tlog-cosignature, Format */
const TIMESTAMP_LENGTH = 8;

/** The witness of that name. Throws `malformed` for a bad name, `wrong-key` for a bad key. */
export function witnessKeyOf(name: string, publicKey: Uint8Array): WitnessKey {
  const { keyId } = noteKeyOf(name, publicKey, COSIGNATURE_TYPE);
  return { name, keyId, witnessKey: publicKey };
}

/** A cosigner from a 32-octet Ed25519 seed. */
export function cosignerOf(name: string, seed: Uint8Array): Cosigner {
  return { ...witnessKeyOf(name, publicKeyOf(seed)), sign: (message) => signEd25519(seed, message) };
}

/** The witness's key as the text `name+id+base64` that other tools take, with type 0x04. */
export function encodeWitnessKey({ name, keyId, witnessKey }: WitnessKey): string {
  return encodeVerifierKey({ name, keyId, publicKey: witnessKey }, COSIGNATURE_TYPE);
}

/** Reverse of {@link encodeWitnessKey}. Throws `malformed` or `wrong-key`; a log's key is one. */
export function parseWitnessKey(text: string): WitnessKey {
  const { name, publicKey } = parseVerifierKey(text, COSIGNATURE_TYPE);
  return witnessKeyOf(name, publicKey);
}

/** What is signed: a header line, the time, and the whole text of the checkpoint. C2SP tlog-cosignature, Ed25519 */
export function cosignedMessage(text: string, timestamp: number): Uint8Array {
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) throw new Fault('range', 'a timestamp is whole seconds');
  return encodeUtf8(`cosignature/v1\ntime ${timestamp}\n${text}`);
}

/** Cosigns the text of a checkpoint at a time in seconds since 1970. */
export function cosign(text: string, cosigner: Cosigner, timestamp: number): NoteSignature {
  const time = new Uint8Array(TIMESTAMP_LENGTH);
  const signature = cosigner.sign(cosignedMessage(text, timestamp));
  new DataView(time.buffer).setBigUint64(0, BigInt(timestamp));
  return { name: cosigner.name, keyId: cosigner.keyId, signature: concatBytes(time, signature) };
}

/** True when the line is of that witness, by name and key id, and valid or not. */
export function isOfWitness({ name, keyId }: NoteSignature, witness: WitnessKey): boolean {
  return name === witness.name && keyId === witness.keyId;
}

/** The verified cosignature, or undefined when the signature is not the witness's for this text. Never throws. */
export function readCosignature(
  text: string,
  { signature }: NoteSignature,
  witness: WitnessKey,
  verify: Verify = verifyEd25519,
): Cosignature | undefined {
  if (signature.length !== TIMESTAMP_LENGTH + SIGNATURE_LENGTH) return undefined;
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  const timestamp = Number(time);
  if (!Number.isSafeInteger(timestamp)) return undefined; // later than any clock
  const message = cosignedMessage(text, timestamp);
  return verify(witness.witnessKey, message, signature.subarray(TIMESTAMP_LENGTH)) ? { witness, timestamp } : undefined;
}

/**
 * The witnesses among the trusted that cosigned the note, each once, with its latest time. Other signatures are ignored.
 * Throws `bad-signature` when a trusted witness's does not fit. C2SP signed-note, Signatures
 */
export function openCosignatures(note: Note, witnesses: readonly WitnessKey[], verify?: Verify): Cosignature[] {
  const found = new Map<WitnessKey, Cosignature>();
  for (const line of note.signatures) {
    const witness = witnesses.find((candidate) => isOfWitness(line, candidate));
    if (witness === undefined) continue;
    const cosignature = readCosignature(note.text, line, witness, verify);
    if (cosignature === undefined) {
      throw new Fault('bad-signature', 'the cosignature of a trusted witness does not fit the checkpoint');
    }
    if (cosignature.timestamp >= (found.get(witness)?.timestamp ?? 0)) found.set(witness, cosignature);
  }
  return [...found.values()];
}

/**
 * The note with further lines at its end; a line of a name and key that is there already takes that line's place, so
 * that a note does not grow with every round.
 */
export function addSignatures(note: Note, lines: readonly NoteSignature[]): string {
  const signatures = [...note.signatures];
  for (const line of lines) {
    const at = signatures.findIndex(({ name, keyId }) => name === line.name && keyId === line.keyId);
    if (at < 0) signatures.push(line);
    else signatures[at] = line;
  }
  return formatNote({ text: note.text, signatures });
}

/**
 * Throws `wrong-key` unless the witnesses are different parties as far as keys can tell: one key under two names would
 * count twice.
 */
export function assertDistinctWitnesses(witnesses: readonly WitnessKey[], logKey?: Uint8Array): void {
  const keys = [...witnesses.map(({ witnessKey }) => witnessKey), ...(logKey === undefined ? [] : [logKey])];
  if (keys.some((key, i) => keys.some((other, j) => j < i && equalBytes(key, other)))) {
    throw new Fault('wrong-key', 'a key is named twice');
  }
}
