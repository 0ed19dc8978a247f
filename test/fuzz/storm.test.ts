/** Very many hostile values into every decoder of a characteristic: published ones altered, and noise. */
import { expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { measurementOf } from '../../protocol/gatt/readings.ts';
import { TWO_WAY } from '../support/gatt-codecs.ts';
import { GATT_VECTORS } from '../support/gatt-vectors.ts';
import { STORM_SEED, storm, type Weather } from '../support/storm.ts';

const names = [...TWO_WAY.keys()];

it.each(names)(`%s returns or refuses, seed ${STORM_SEED}`, { timeout: 600_000 }, async (name) => {
  const { decode } = TWO_WAY.get(name)!;
  const uuid = /^2[AB]/.test(name) ? Number.parseInt(name, 16) : undefined;
  const vectors = GATT_VECTORS.filter(({ characteristic }) => characteristic === name).map(({ hex }) => decodeHex(hex));
  const next = ({ below, chance }: Weather): Uint8Array => {
    const vector = vectors.length > 0 && chance(0.7) ? vectors[below(vectors.length)]! : undefined;
    const bytes = vector ? Uint8Array.from(vector) : Uint8Array.from({ length: below(64) }, () => below(256));
    for (let changes = below(4); changes > 0 && bytes.length > 0; changes--) bytes[below(bytes.length)] = below(256);
    const cut = chance(0.2) ? below(bytes.length + 1) : bytes.length;
    return chance(0.1) ? Uint8Array.from([...bytes.slice(0, cut), below(256)]) : bytes.slice(0, cut);
  };
  const stream = names.indexOf(name);
  const decoded = await storm(stream, { next, read: decode, show: encodeHex });
  if (uuid === undefined) return;
  const measured = await storm(stream, { next, read: (bytes) => measurementOf(uuid, bytes), show: encodeHex });
  // The same values again: what is no value of the characteristic is no measurement.
  expect(measured).toBeLessThanOrEqual(decoded);
});
