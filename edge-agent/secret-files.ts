/**
 * The files of the key folder. With a host key, which is kept apart from the disk (a file elsewhere, a systemd credential
 * that a TPM opens), each is sealed with AES-256-GCM, bound to its name: whoever has the disk alone has nothing. Files that
 * an earlier start wrote without one are sealed as they are read.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decodeHex, encodeHex, encodeUtf8 } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';
import { makePrivateFolder, syncFolder, writeDurably } from './durable-file.ts';

export interface SecretFiles {
  has(name: string): boolean;
  /** Throws `encrypted` (no host key, or another one), `malformed`. */
  read(name: string): string;
  /** Durable when it returns. */
  write(name: string, text: string): void;
  /** Durable when it returns; one that is not there is no fault. */
  remove(name: string): void;
  /** Where a file is, for messages. */
  path(name: string): string;
}

const HEADER = 'veravita sealed 1';
const NONCE = 12;
const TAG = 16;

/** `hostKey`: 32 octets. */
export function openSecretFiles(folder: string, hostKey?: Uint8Array): SecretFiles {
  makePrivateFolder(folder);
  const path = (name: string) => join(folder, name);
  const keyOf = (name: string) => new Uint8Array(hkdfSync('sha256', hostKey!, '', `veravita agent file ${name}`, 32));
  const write = (name: string, text: string) =>
    writeDurably(path(name), hostKey ? seal(keyOf(name), name, text) : text);
  return {
    has: (name) => existsSync(path(name)),
    read(name) {
      const text = readFileSync(path(name), 'utf8');
      if (text.startsWith(`${HEADER}\n`)) {
        if (!hostKey) throw new Fault('encrypted', `${path(name)} is sealed: the host key is missing`);
        return open(keyOf(name), name, text, path(name));
      }
      if (hostKey) write(name, text);
      return text;
    },
    write,
    remove(name) {
      rmSync(path(name), { force: true });
      syncFolder(folder);
    },
    path,
  };
}

/** The host key in a file: 32 octets, or 64 hex digits. Throws `missing`, `malformed`. */
export function loadHostKey(path: string): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    throw new Fault('missing', `the host key ${path} cannot be read`);
  }
  if (bytes.length === 32) return new Uint8Array(bytes);
  const text = bytes.toString('latin1').trim();
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new Fault('malformed', 'the host key is not 32 octets, nor 64 hex digits');
  return decodeHex(text.toLowerCase());
}

function seal(key: Uint8Array, name: string, text: string): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
  cipher.setAAD(encodeUtf8(`${HEADER} ${name}`));
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${HEADER}\n${encodeHex(sealed)}\n`;
}

function open(key: Uint8Array, name: string, text: string, path: string): string {
  const hex = text.slice(HEADER.length + 1).trim();
  const sealed = /^(?:[0-9a-f]{2})+$/.test(hex) ? decodeHex(hex) : new Uint8Array();
  if (sealed.length < NONCE + TAG) throw new Fault('malformed', `${path} is not a sealed file`);
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAAD(encodeUtf8(`${HEADER} ${name}`));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  try {
    const body = sealed.subarray(NONCE, sealed.length - TAG);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch {
    throw new Fault('encrypted', `${path} does not open with this host key`);
  }
}
