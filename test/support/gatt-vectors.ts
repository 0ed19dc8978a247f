/** The byte strings of test/vectors/gatt.json, each with its source. */
import { readFileSync } from 'node:fs';

export interface GattVector {
  readonly characteristic: string;
  readonly name: string;
  readonly hex: string;
  /** Fields that must match; others are free; `{error}` where the bytes must be refused. */
  readonly expect: Record<string, unknown>;
  readonly source: string;
  /** Who sent the value, where some bytes are valid in one direction only. */
  readonly direction?: 'request' | 'response';
}

export const GATT_VECTORS: readonly GattVector[] = JSON.parse(
  readFileSync(new URL('../vectors/gatt.json', import.meta.url), 'utf8'),
);

export const VALID_VECTORS = GATT_VECTORS.filter(({ expect }) => !('error' in expect));
