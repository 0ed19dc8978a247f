/** A&D Medical: cuffs, scale, thermometer. */
import { type DeviceProfile, HOLD_OFF_MS, type Policies, STANDARD } from './policies.ts';

const MEDICAL: Policies = {
  ...STANDARD,
  // Pairing mode first [DD #724]; discovery on an unpaired unit ends in error E10 and power off [AC #1].
  pairing: 'bond-before-discovery',
  // No Current Time service: Date Time inside the measurement service, readable and writable [TB].
  clock: 'date-time-in-service',
  holdOffMs: HOLD_OFF_MS,
  // The whole backlog as a burst of indications [TB]; a value is deleted after its confirmation [M].
  doubles: 'burst-resend',
  records: 'pushed',
  behaviors: ['disconnects-when-done', 'erases-when-confirmed'],
};

const PAIRING_ADVICE = [
  'Hold the start button until the display shows Pr: the device is then in pairing mode.',
  'If pairing fails again and again, pair it once with the app of its maker, remove it there, and try again.',
];

export const A_AND_D: readonly DeviceProfile[] = [
  {
    ...MEDICAL,
    name: 'a-and-d-cuff',
    title: 'A&D UA-651BLE blood pressure monitor',
    recognizedBy: [{ name: /\bUA-?651|A&D_UA-?651/i }, { manufacturer: /^A&D\b/i, services: [0x1810] }],
    // Failed measurements as NaN with flags 0x16, thirty and more in one capture [TB].
    behaviors: [...MEDICAL.behaviors, 'failed-as-nan'],
    advice: PAIRING_ADVICE,
  },
  {
    ...MEDICAL,
    name: 'a-and-d-scale',
    title: 'A&D UC-352BLE scale',
    recognizedBy: [{ name: /\bUC-?352|A&D_UC-?352/i }, { manufacturer: /^A&D\b/i, services: [0x181d] }],
    holdOffMs: 15_000, // [PHH]
    behaviors: [...MEDICAL.behaviors, 'advertises-when-done'],
    advice: PAIRING_ADVICE,
  },
  {
    ...MEDICAL,
    name: 'a-and-d-thermometer',
    title: 'A&D UT-201BLE thermometer',
    recognizedBy: [{ name: /\bUT-?201|A&D_UT-?201/i }, { manufacturer: /^A&D\b/i, services: [0x1809] }],
    advice: PAIRING_ADVICE,
  },
  {
    ...MEDICAL,
    name: 'a-and-d-ub-1100',
    title: 'A&D UB-1100BLE wrist blood pressure monitor',
    recognizedBy: [{ name: /\bUB-?1100/i }],
    // Bonded link; it is gone soon after connecting [BZ #26].
    behaviors: [...MEDICAL.behaviors, 'drops-quickly'],
    advice: PAIRING_ADVICE,
  },
];
