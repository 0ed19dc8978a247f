/**
 * By what an erasure under way knows, after a crash, what it has to look for. Every octet is written inverted, so that the
 * scan does not find its own list; when the erasure is verified the file is overwritten and removed.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { concatBytes, encodeHex } from '../../protocol/bytes.ts';
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { NEEDLE_OCTETS } from '../record/patient-rows.ts';

export interface ErasureWork {
  /** Record-local id. */
  readonly patient: string;
  readonly needles: readonly Uint8Array[];
}

export type WorkFiles = ReturnType<typeof openWorkFiles>;

export function openWorkFiles(directory: string) {
  const pathOf = (id: Uint8Array) => join(directory, `erasure-${encodeHex(id)}.work`);

  return {
    load(id: Uint8Array): ErasureWork | undefined {
      const path = pathOf(id);
      if (!existsSync(path)) return undefined;
      const [patient, joined] = decodeCbor(invert(readFileSync(path))) as unknown as [string, Uint8Array];
      const count = joined.length / NEEDLE_OCTETS;
      const needles = Array.from({ length: count }, (_, i) =>
        joined.subarray(i * NEEDLE_OCTETS, (i + 1) * NEEDLE_OCTETS),
      );
      return { patient, needles };
    },

    /** Durable when it returns. */
    save(id: Uint8Array, { patient, needles }: ErasureWork): void {
      const path = pathOf(id);
      write(`${path}.new`, 'w', invert(encodeCbor([patient, concatBytes(...needles)])));
      renameSync(`${path}.new`, path);
      syncFolder();
    },

    remove(id: Uint8Array): void {
      const path = pathOf(id);
      if (!existsSync(path)) return;
      write(path, 'r+', new Uint8Array(statSync(path).size));
      rmSync(path);
      syncFolder();
    },
  };

  function write(path: string, flags: 'w' | 'r+', bytes: Uint8Array): void {
    const file = openSync(path, flags, 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  function syncFolder(): void {
    const folder = openSync(directory, 'r');
    fsyncSync(folder);
    closeSync(folder);
  }
}

function invert(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (octet) => ~octet & 0xff);
}
