/**
 * What makes a reading itself, whichever way it came: agent and record recognize by it what was heard before. Never sent
 * or shown: both take a keyed hash of it, because so little would give the value away.
 */
import { isFault } from './fault.ts';
import { recordedValue } from './gatt/readings-cuff.ts';
import type { ReadingLeaf } from './leaf.ts';
import type { Instant, WallClock } from './time.ts';

export interface ReadingIdentity {
  /** 16-bit UUID of the characteristic, or what stands beside advertised data. */
  readonly characteristic: number;
  readonly raw: Uint8Array;
  /** The device's clock where it has one, for it is sent again unchanged; else the gateway's. */
  readonly time: WallClock | Instant;
}

const BLOOD_PRESSURE_RECORD = 0x2b36;

export function identityOf(leaf: ReadingLeaf): ReadingIdentity {
  const { characteristic, carrier, deviceClock, heardAt, raw } = leaf;
  const time = deviceClock ?? heardAt;
  // A scale goes on advertising a weight that it took, while what stands beside it changes.
  if (carrier !== undefined) return { characteristic, raw: deviceClock === undefined ? raw : new Uint8Array(), time };
  if (characteristic !== BLOOD_PRESSURE_RECORD) return { characteristic, raw, time };
  // A record is what the cuff said before when it measured, or would have said to a listener.
  return { ...(recordedIn(leaf) ?? { characteristic, raw }), time };
}

function recordedIn({ raw, feature }: ReadingLeaf): Pick<ReadingIdentity, 'characteristic' | 'raw'> | undefined {
  try {
    const { characteristic, value } = recordedValue(raw, feature);
    return { characteristic, raw: value };
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}
