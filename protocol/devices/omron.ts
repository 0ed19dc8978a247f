/** Omron blood pressure monitors (HEM-..., BP...). */
import { type DeviceProfile, HOLD_OFF_MS, STANDARD } from './policies.ts';

export const OMRON: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'omron-cuff',
    title: 'Omron blood pressure monitor',
    recognizedBy: [{ name: /^BLESmart_/i }, { manufacturer: /^omron\b/i, services: [0x1810] }],
    // Pair before discovery [HO #108].
    pairing: 'bond-before-discovery',
    // Only after the first notification and only if more than 10 minutes off [B]; else ATT error 0x80 [HO #11].
    clock: 'current-time-if-off-by-10-min',
    // A CCCD of 0000 at the end destroys the bond of newer cuffs: later `PIN or Key Missing` [HO #136].
    cccd: 'keep-when-bonded',
    holdOffMs: HOLD_OFF_MS,
    doubles: 'burst-resend', // [M]
    records: 'pushed',
    users: 'user-index', // [M]
    // Advertises 1810 even where the data comes by the vendor service 49123040 [HO #11]; sends after a measurement or
    // while the button is held [DD #659].
    behaviors: ['advertises-unused-service', 'short-window', 'disconnects-when-done'],
    advice: [
      'Hold the Bluetooth button until P flashes on the display: the monitor is then in pairing mode.',
      'It sends right after a measurement, or while the Bluetooth button is held.',
      // Keys agreed in the application layer [HO #130]: those end with `no-standard-data`.
      "Some newer models speak only to their maker's app: if nothing comes after pairing, yours is one of them.",
    ],
  },
];
