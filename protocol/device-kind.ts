/** What kind of wearable a device is, by the standard service that it advertises (SIG assigned numbers). */

/** Kinds with their service, in the order in which a device that offers several is named. */
const SERVICES = {
  'blood-pressure': 0x1810,
  glucose: 0x1808,
  cgm: 0x181f,
  oximeter: 0x1822,
  thermometer: 0x1809,
  scale: 0x181d,
  'body-composition': 0x181b,
  'health-sensor': 0x1840,
  'heart-rate': 0x180d,
} as const;

export type DeviceKind = keyof typeof SERVICES | 'other';

const TITLES: Readonly<Record<DeviceKind, string>> = {
  'blood-pressure': 'Blood pressure monitor',
  glucose: 'Blood glucose meter',
  cgm: 'Continuous glucose monitor',
  oximeter: 'Pulse oximeter',
  thermometer: 'Thermometer',
  scale: 'Scale',
  'body-composition': 'Body composition scale',
  'health-sensor': 'Health sensor',
  'heart-rate': 'Heart rate sensor',
  other: 'Wearable',
};

/** The kinds in the order of their numbers on the wire (docs/format.md §6). */
export const DEVICE_KINDS = Object.keys(TITLES) as readonly DeviceKind[];

/** `other` where no service of a vital sign is among them. */
export function deviceKindOf(services: readonly (number | string)[]): DeviceKind {
  for (const [kind, service] of Object.entries(SERVICES)) if (services.includes(service)) return kind as DeviceKind;
  return 'other';
}

/** For people. */
export function deviceKindTitle(kind: DeviceKind): string {
  return TITLES[kind];
}
