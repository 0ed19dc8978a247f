/** Contour Next One and Plus One blood glucose meters (Ascensia). */
import { type DeviceProfile, STANDARD } from './policies.ts';

export const CONTOUR: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'contour-meter',
    title: 'Contour Next One or Plus One blood glucose meter',
    recognizedBy: [
      { name: /^Contour/i },
      { manufacturer: /^(?:ascensia|bayer)\b/i, services: [0x1808] },
      { services: ['00000000-0002-11e2-9e96-0800200c9a66'] },
    ],
    // Created before connecting, or the meter asks twice [B]; asked again after a restart of Bluetooth [XD #1076, #761].
    pairing: 'bond-before-connect',
    // 00001026-0002-11e2-9e96-0800200c9a66: 01, date and time in UTC, s16 minutes of the zone [B].
    clock: 'vendor',
    records: 'racp-incremental', // Only what is above the last sequence number [XD].
    doubles: 'burst-resend', // First synchronization.
    advice: [
      'Hold the OK button until the blue light flashes: the meter is then in pairing mode.',
      'If the meter asks to be paired again, remove it here and pair it anew.',
    ],
  },
];
