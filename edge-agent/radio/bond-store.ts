/**
 * The keys of bonded devices, in one small file that is encrypted with a key of the agent's (AES-256-GCM) and replaced as
 * a whole. A file that was changed, or that another key wrote, is refused: a store that began anew in silence would let a
 * stranger pair in the place of a device that is known.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { decodeHex, encodeHex, encodeUtf8 } from '../../protocol/bytes.ts';
import { Fault } from '../../protocol/fault.ts';
import type { Instant } from '../../protocol/time.ts';
import { writeDurably } from '../durable-file.ts';
import { isResolvable, resolves } from './smp-crypto.ts';

/** What is kept of a bond. Octets as SMP sends them, least significant first. */
export interface Bond {
  /** The device as the agent calls it: the address at which it was paired, lower case with colons. */
  readonly device: string;
  readonly key: Uint8Array;
  readonly diversifier: Uint8Array;
  readonly random: Uint8Array;
  /** Octets of the key, 7 to 16. */
  readonly keySize: number;
  /** Made with a passkey. */
  readonly authenticated: boolean;
  /** Resolves the private addresses of the device; absent where it has given none, or one of all zeros. */
  readonly identityKey?: Uint8Array;
  readonly identityAddress?: string;
  readonly madeAt: Instant;
  /** How often in a row the device refused the key of the link before. */
  readonly refusals: number;
}

export interface BondStore {
  find(device: string): Bond | undefined;
  /** The device that has made a resolvable private address or has this identity address; undefined when it is none of ours. */
  resolve(address: string): string | undefined;
  /** Durable when it returns; in the place of an earlier bond with the device. */
  put(bond: Bond): void;
  /** Durable when it returns. */
  remove(device: string): void;
  devices(): readonly string[];
}

/** Bonds that can be handed to another process. */
export interface KeptBonds extends BondStore {
  all(): readonly Bond[];
}

/** A device whose key was refused so often in a row makes a new bond for each link. */
export const FRESH_PER_LINK = 2;

const HEADER = 'veravita bonds 1';
const NONCE = 12;
const TAG = 16;

/** Opens or begins the store. Throws `inconsistent` when the file was changed or another key wrote it, `malformed`. */
export function openBondStore(path: string, storageKey: Uint8Array): KeptBonds {
  const key = new Uint8Array(hkdfSync('sha256', storageKey, new Uint8Array(), 'veravita agent bonds', 32));
  const bonds = new Map<string, Bond>();
  if (existsSync(path)) {
    for (const bond of parseBonds(decrypt(key, readFileSync(path, 'utf8')))) bonds.set(bond.device, bond);
  }
  const write = (): void => writeDurably(path, encrypt(key, JSON.stringify([...bonds.values()].map(toWritten))));
  return keepBonds(bonds, { put: write, remove: write });
}

/** Bonds in memory; what changes is told before it counts as done. */
export function keepBonds(
  bonds: Map<string, Bond>,
  on: { readonly put: (bond: Bond) => void; readonly remove: (device: string) => void },
): KeptBonds {
  return {
    find: (device) => bonds.get(device),
    resolve(address) {
      if (bonds.has(address)) return address;
      const resolvable = isResolvable(address);
      for (const { device, identityKey, identityAddress } of bonds.values()) {
        if (identityAddress === address) return device;
        if (resolvable && identityKey && resolves(identityKey, address)) return device;
      }
      return undefined;
    },
    put(bond) {
      bonds.set(bond.device, bond);
      on.put(bond);
    },
    remove(device) {
      if (bonds.delete(device)) on.remove(device);
    },
    devices: () => [...bonds.keys()],
    all: () => [...bonds.values()],
  };
}

function encrypt(key: Uint8Array, text: string): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
  cipher.setAAD(encodeUtf8(HEADER));
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${HEADER}\n${encodeHex(sealed)}\n`;
}

function decrypt(key: Uint8Array, text: string): string {
  const [header, hex = ''] = text.split('\n');
  if (header !== HEADER || !/^(?:[0-9a-f]{2})+$/.test(hex)) throw new Fault('malformed', 'not a store of bonds');
  const sealed = decodeHex(hex);
  if (sealed.length < NONCE + TAG) throw new Fault('malformed', 'a store of bonds that is too short');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAAD(encodeUtf8(HEADER));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  try {
    const body = sealed.subarray(NONCE, sealed.length - TAG);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch {
    throw new Fault('inconsistent', 'the store of bonds was changed, or another key wrote it');
  }
}

type Written = { readonly [K in keyof Bond]: Bond[K] extends Uint8Array | undefined ? string : Bond[K] };

function toWritten({ key, diversifier, random, identityKey, ...rest }: Bond): Written {
  return {
    ...rest,
    key: encodeHex(key),
    diversifier: encodeHex(diversifier),
    random: encodeHex(random),
    ...(identityKey && { identityKey: encodeHex(identityKey) }),
  };
}

/** What was decrypted was written by this file, so its form is known. */
function parseBonds(text: string): Bond[] {
  return (JSON.parse(text) as Written[]).map(({ key, diversifier, random, identityKey, ...rest }) => ({
    ...rest,
    key: decodeHex(key),
    diversifier: decodeHex(diversifier),
    random: decodeHex(random),
    ...(identityKey !== undefined && { identityKey: decodeHex(identityKey) }),
  }));
}
