/** Which device profile fits a device: the most specific one, and always the same one. */
import { A_AND_D } from './a-and-d.ts';
import { ACCU_CHEK } from './accu-chek.ts';
import { BEURER_CUFFS } from './beurer-cuffs.ts';
import { BOSO } from './boso.ts';
import { BTHOME } from './bthome.ts';
import { CARE_SENS } from './care-sens.ts';
import { CONTOUR } from './contour.ts';
import { GENERIC } from './generic.ts';
import { HEART_RATE_SENSORS } from './heart-rate-sensors.ts';
import { NONIN } from './nonin.ts';
import { OMRON } from './omron.ts';
import { PHILIPS } from './philips.ts';
import { POLAR } from './polar.ts';
import type { DeviceProfile, Recognition, ServiceUuid } from './policies.ts';
import { TAIDOC } from './taidoc.ts';
import { USER_SCALES } from './user-scales.ts';
import { VENDOR_GLUCOSE } from './vendor-glucose.ts';
import { VENDOR_OXIMETERS } from './vendor-oximeters.ts';
import { XIAOMI_SCALES } from './xiaomi-scales.ts';

/** All profiles, the generic one last. Of two that fit equally well, the earlier is taken. */
export const DEVICE_PROFILES: readonly DeviceProfile[] = [
  ...A_AND_D,
  ...OMRON,
  ...BEURER_CUFFS,
  ...BOSO,
  ...NONIN,
  ...VENDOR_OXIMETERS,
  ...CONTOUR,
  ...ACCU_CHEK,
  ...TAIDOC,
  ...CARE_SENS,
  ...VENDOR_GLUCOSE,
  ...POLAR,
  ...HEART_RATE_SENSORS,
  ...XIAOMI_SCALES,
  ...USER_SCALES,
  ...BTHOME,
  ...PHILIPS,
  GENERIC,
];

const BY_NAME: ReadonlyMap<string, DeviceProfile> = new Map(DEVICE_PROFILES.map((profile) => [profile.name, profile]));

/** What is known of a device so far; anything may be missing, for an advertisement says less than a connection. */
export interface DeviceTraits {
  /** As advertised. */
  readonly name?: string | undefined;
  /** Manufacturer Name String 2A29. */
  readonly manufacturer?: string | undefined;
  /** What it offers or advertises; undefined while nobody has looked. */
  readonly services?: readonly ServiceUuid[] | undefined;
}

/** The profile that fits best: by name before manufacturer before services; the generic one where none fits. */
export function profileOf(traits: DeviceTraits): DeviceProfile {
  let best = GENERIC;
  let bestFit = 0;
  for (const profile of DEVICE_PROFILES) {
    const fit = Math.max(0, ...profile.recognizedBy.map((recognition) => fitOf(recognition, traits)));
    if (fit > bestFit) [best, bestFit] = [profile, fit];
  }
  return best;
}

/** The profile of a {@link DeviceProfile.name}, or undefined. */
export function profileNamed(name: string): DeviceProfile | undefined {
  return BY_NAME.get(name);
}

/** 0 where a part does not fit; else the more, the more is sure. */
function fitOf({ name, manufacturer, services, lacks }: Recognition, traits: DeviceTraits): number {
  if (name && !name.test(traits.name ?? '')) return 0;
  if (manufacturer && !manufacturer.test(traits.manufacturer ?? '')) return 0;
  if (services && !services.every((service) => traits.services?.includes(service))) return 0;
  if (lacks?.some((service) => traits.services?.includes(service))) return 0;
  return (name ? 4 : 0) + (manufacturer ? 2 : 0) + (services ? 1 : 0);
}
