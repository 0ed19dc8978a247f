/**
 * A simulated patient's key, kept beside the simulator and never in the service. One JSON file each (0600), so that the
 * consent command can be given it by name.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { decodeHex, encodeHex } from '../protocol/bytes.ts';
import type { Signer } from '../protocol/cose.ts';
import { publicKeyOf, signEd25519 } from '../protocol/ed25519.ts';
import { Fault } from '../protocol/fault.ts';

const FORMAT = 'veravita/patient-key@v1';

/** Reads a patient's key file. Throws `missing` or `malformed`, naming the file. */
export function readPatientKey(path: string): Signer {
  if (!existsSync(path)) throw new Fault('missing', `there is no key file ${path}`);
  let seed: Uint8Array | undefined;
  try {
    const json: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const { format, seed: hex } = json as { format?: unknown; seed?: unknown };
    if (format === FORMAT && typeof hex === 'string') seed = decodeHex(hex);
  } catch {
    // told below
  }
  if (seed?.length !== 32) throw new Fault('malformed', `${path} is not a patient's key file`);
  return signerOf(seed);
}

/** The key in this file, made now if there is none. */
export function openPatientKey(path: string): Signer {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const seed = encodeHex(new Uint8Array(randomBytes(32)));
    // 'wx': two starts at once must not end up with two keys.
    writeFileSync(path, `${JSON.stringify({ format: FORMAT, test: 'HTEST', seed })}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
  }
  return readPatientKey(path);
}

function signerOf(seed: Uint8Array): Signer {
  return { publicKey: publicKeyOf(seed), sign: (message) => signEd25519(seed, message) };
}
