/** Beurer BM and boso cuffs. What they do is cited in protocol/devices/beurer-cuffs.ts and boso.ts. */
import { encodeDateTime, wallClockToDateTime } from '../../../protocol/gatt/date-time.ts';
import { ByteWriter } from '../../../protocol/gatt/writer.ts';
import type { WallClock } from '../../../protocol/time.ts';
import { type Cuff, createCuff } from '../cuff.ts';
import { BacklogCuff } from './backlog-cuff.ts';
import type { FamilyIdentity } from './identity.ts';

/** Connection Failed to be Established (Core 5.2 Vol 1 Part F §1.3). */
const NOT_ESTABLISHED = 0x3e;
/** Time, pulse, status, and a reserved bit. */
const BEURER_FLAGS = 0x56;

export function createBeurerCuff(identity: FamilyIdentity & { readonly lingerMs?: number }): BacklogCuff {
  return new BacklogCuff({ name: 'BM85 HTEST', ...identity });
}

export interface BeurerMeasurement {
  /** Whole mmHg. */
  readonly systolic: number;
  readonly diastolic: number;
  /** Whole beats per minute. */
  readonly pulse: number;
  readonly at: WallClock;
  readonly userId: number;
}

/** Flags 0x56, no mean, pulse and status with their most significant octet first, the user though no flag says so. */
export function keepBeurer(cuff: BacklogCuff, { systolic, diastolic, pulse, at, userId }: BeurerMeasurement): void {
  const writer = new ByteWriter().u8(BEURER_FLAGS).u16(systolic).u16(diastolic).u16(0);
  const time = encodeDateTime({ time: wallClockToDateTime(at) });
  cuff.keepOctets(writer.bytes(time).bytes(bigEndian(pulse)).u8(userId).bytes(bigEndian(0)).take());
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

/** Its first `failures` connections come to nothing. */
export function createBosoCuff({ failures, ...identity }: FamilyIdentity & { readonly failures: number }): Cuff {
  const cuff = createCuff({ name: 'boso HTEST', ...identity });
  let left = failures;
  cuff.on('connect', () => {
    if (left-- > 0) cuff.disconnect(NOT_ESTABLISHED);
  });
  return cuff;
}
