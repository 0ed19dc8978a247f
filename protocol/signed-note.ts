/**
 * Signed notes (C2SP signed-note): a text and its signatures, with Ed25519 as the one signature type that is verified.
 * Signatures by keys that the caller does not name are kept but never trusted.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, decodeBase64, encodeBase64, encodeUtf8 } from './bytes.ts';
import type { Verify } from './cose.ts';
import { assertPublicKey, publicKeyOf, signEd25519, verifyEd25519 } from './ed25519.ts';
import { Fault } from './fault.ts';

/** One signature line. `keyId` is the big-endian uint32 in front of the signature. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  readonly signature: Uint8Array;
}

/** A parsed note; nothing in it is verified. `text` ends in its newline. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A key that a reader trusts for Ed25519 note signatures. */
export interface NoteKey {
  readonly name: string;
  readonly keyId: number;
  readonly publicKey: Uint8Array;
}

/** A key that signs notes. */
export interface NoteSigner extends NoteKey {
  sign(message: Uint8Array): Uint8Array;
}

/** Signature type identifier of Ed25519 note signatures. C2SP signed-note, Signature types */
export const ED25519_TYPE = 0x01;

/** Bounds of what is parsed; readers must take at least 16 signatures. C2SP signed-note, Format */
const MAX_SIGNATURES = 64;
const MAX_LENGTH = 512 * 1024;

const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([^ ]+)$/u;
const SPACE_OR_PLUS = /[\p{White_Space}+]/u;
const CONTROL = /[^\P{Cc}\n\u007f-\u009f]/u; // below U+0020, other than newline

/** key ID = SHA-256(name || 0x0A || type || public key)[:4], big-endian. C2SP signed-note, Signatures */
export function keyIdOf(name: string, publicKey: Uint8Array, type: number = ED25519_TYPE): number {
  const hash = sha256(concatBytes(encodeUtf8(name), Uint8Array.of(0x0a, type), publicKey));
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
}

/** The key of that name. Throws `malformed` for a bad name, `wrong-key` for a bad key. */
export function noteKeyOf(name: string, publicKey: Uint8Array, type: number = ED25519_TYPE): NoteKey {
  assertKeyName(name);
  assertPublicKey(publicKey);
  return { name, keyId: keyIdOf(name, publicKey, type), publicKey };
}

/** A signer from a 32-octet Ed25519 seed. */
export function noteSignerOf(name: string, seed: Uint8Array): NoteSigner {
  return { ...noteKeyOf(name, publicKeyOf(seed)), sign: (message) => signEd25519(seed, message) };
}

/** `name+hex key id+base64(type || public key)`, the text form that Go's sumdb/note and the C2SP tools share. */
export function encodeVerifierKey({ name, keyId, publicKey }: NoteKey, type: number = ED25519_TYPE): string {
  const id = keyId.toString(16).padStart(8, '0');
  return `${name}+${id}+${encodeBase64(concatBytes(Uint8Array.of(type), publicKey))}`;
}

/** Reverse of {@link encodeVerifierKey}. Throws `malformed` or `wrong-key`; the key id must be that of the key. */
export function parseVerifierKey(text: string, type: number = ED25519_TYPE): NoteKey {
  const [name = '', id = '', ...rest] = text.split('+');
  const encoded = decodeBase64(rest.join('+')); // '+' is also a base64 digit
  if (encoded.length !== 33 || encoded[0] !== type) throw new Fault('wrong-key', 'not a verifier key of this type');
  const key = noteKeyOf(name, encoded.slice(1), type);
  if (id !== key.keyId.toString(16).padStart(8, '0')) throw new Fault('wrong-key', 'key id does not fit the key');
  return key;
}

/** Parses a signed note strictly. Throws `malformed` or `too-large`. */
export function parseNote(note: string): Note {
  if (note.length > MAX_LENGTH) throw new Fault('too-large', 'note longer than is read');
  if (!note.isWellFormed() || CONTROL.test(note)) throw new Fault('malformed', 'note holds a control character');
  const split = note.lastIndexOf('\n\n'); // the last empty line
  if (split < 0 || !note.endsWith('\n')) throw new Fault('malformed', 'note without signature lines');
  const lines = note.slice(split + 2).split('\n');
  lines.pop(); // after the final newline
  if (lines.length === 0) throw new Fault('malformed', 'note without signature lines');
  if (lines.length > MAX_SIGNATURES) throw new Fault('too-large', 'more signatures than are read');
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

function parseSignatureLine(line: string): NoteSignature {
  const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? [];
  if (name === undefined || encoded === undefined) throw new Fault('malformed', 'not a signature line');
  assertKeyName(name);
  const bytes = decodeBase64(encoded);
  if (bytes.length < 5) throw new Fault('malformed', 'signature without octets');
  return { name, keyId: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), signature: bytes.slice(4) };
}

/** The text of a note with these signatures, in their order. */
export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(formatSignatureLine).join('')}`;
}

/** One signature line with its newline. */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  const id = new Uint8Array(4);
  new DataView(id.buffer).setUint32(0, keyId);
  return `\u2014 ${name} ${encodeBase64(concatBytes(id, signature))}\n`;
}

/** Signs a text, which must end in a newline and hold no other control character (`malformed`). */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith('\n') || !text.isWellFormed() || CONTROL.test(text))
    throw new Fault('malformed', 'not a note text');
  if (signers.length === 0) throw new Fault('malformed', 'a note has at least one signature');
  const message = encodeUtf8(text);
  return formatNote({
    text,
    signatures: signers.map((s) => ({ name: s.name, keyId: s.keyId, signature: s.sign(message) })),
  });
}

/**
 * The trusted keys that signed the note, each once. Throws `bad-signature` when a trusted key's signature is invalid or
 * when no trusted key signed. Other signatures are ignored, also when they share a name or an id (but not both).
 */
export function verifyNote(note: Note, keys: readonly NoteKey[], verify: Verify = verifyEd25519): NoteKey[] {
  const message = encodeUtf8(note.text);
  const signers = new Set<NoteKey>();
  for (const { name, keyId, signature } of note.signatures) {
    const key = keys.find((candidate) => candidate.name === name && candidate.keyId === keyId);
    if (key === undefined) continue;
    if (!verify(key.publicKey, message, signature)) {
      throw new Fault('bad-signature', 'the signature of a trusted key does not fit the note');
    }
    signers.add(key);
  }
  if (signers.size === 0) throw new Fault('bad-signature', 'no trusted key signed the note');
  return [...signers];
}

/** C2SP signed-note, Format: not empty, no Unicode space, no plus. */
function assertKeyName(name: string): void {
  if (name === '' || SPACE_OR_PLUS.test(name) || !name.isWellFormed() || CONTROL.test(name) || name.includes('\n')) {
    throw new Fault('malformed', 'not a key name');
  }
}
