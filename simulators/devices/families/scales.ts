/** Scales with users, and scales that only advertise. Cited in protocol/devices/user-scales.ts and xiaomi-scales.ts. */
import { createMiScale as createBroadcastingScale, type MiScale } from '../broadcasters.ts';
import { createScale, type Scale } from '../scale.ts';
import type { FamilyIdentity } from './identity.ts';

/** Beurer BF, Sanitas SBF or Soehnle: mute before a user consents; it does not list its users. */
export function createUserScale(identity: FamilyIdentity): Scale {
  return createScale({ name: 'BF720 HTEST', composition: true, users: { canList: false }, ...identity });
}

/** Mi Body Composition Scale: its maker's octets under the UUID of a standard service, in advertisements. */
export function createMiScale(identity: FamilyIdentity): MiScale {
  return createBroadcastingScale({ name: 'MIBFS HTEST', ...identity });
}

/** Indie Health scale: goes on advertising when everything is sent. */
export function createIndieScale(identity: FamilyIdentity): Scale {
  return createScale({ name: 'IH-51-HTEST', ...identity });
}
