/**
 * A simulated patient's key, kept beside the simulator and never in the service. One file each (0600), so that the
 * consent and receipt commands can be given it by name.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Signer } from '../protocol/cose.ts';
import { Fault } from '../protocol/fault.ts';
import { decodePatientKey, encodePatientKey } from '../protocol/patient-key.ts';

/** Reads a patient's key file. Throws `missing` or `malformed`. */
export function readPatientKey(path: string): Signer {
  if (!existsSync(path)) throw new Fault('missing', `there is no key file ${path}`);
  return decodePatientKey(readFileSync(path, 'utf8'));
}

/** The key in this file, made now if there is none. */
export function openPatientKey(path: string): Signer {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, encodePatientKey(new Uint8Array(randomBytes(32))), { mode: 0o600, flush: true });
    try {
      linkSync(temporary, path); // whole or not there, and never over a key that another start made
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      unlinkSync(temporary);
    }
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }
  return readPatientKey(path);
}
