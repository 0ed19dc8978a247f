/** Scales with users, and scales that only advertise. Cited in protocol/devices/user-scales.ts and xiaomi-scales.ts. */
import type { Decimal } from '../../../protocol/decimal.ts';
import { wallClockToDateTime } from '../../../protocol/gatt/date-time.ts';
import type { WallClock } from '../../../protocol/time.ts';
import { MiCompositionScale } from '../broadcasters.ts';
import { createScale, type Scale } from '../scale.ts';
import type { FamilyIdentity } from './identity.ts';

/** Beurer BF, Sanitas SBF or Soehnle: mute before a user consents. */
export function createUserScale(identity: FamilyIdentity): Scale {
  return createScale({ name: 'BF720 HTEST', composition: true, userData: {}, ...identity });
}

/** Mi Body Composition Scale: its maker's octets under the UUID of a standard service, in advertisements. */
export class MiBodyScale extends MiCompositionScale {
  /** Somebody stands on it; the number blinks until it is settled. Throws `range`. */
  stepOn(weight: Decimal, at: WallClock, stabilized = true): void {
    const timestamp = wallClockToDateTime(at);
    this.show({ weight, unit: 'kg', timestamp, stabilized, removed: false, impedance: null });
  }
}

export function createMiScale(identity: FamilyIdentity): MiBodyScale {
  return new MiBodyScale({ name: 'MIBFS HTEST', ...identity });
}

/** Indie Health scale: goes on advertising when everything is sent. */
export function createIndieScale(identity: FamilyIdentity): Scale {
  return createScale({ name: 'IH-51-HTEST', ...identity });
}
