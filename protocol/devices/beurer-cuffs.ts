/** Beurer BM blood pressure monitors. */
import { type DeviceProfile, HOLD_OFF_MS, STANDARD } from './policies.ts';

export const BEURER_CUFFS: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'beurer-cuff',
    title: 'Beurer blood pressure monitor (BM 85 and similar)',
    recognizedBy: [{ name: /^(?:Beurer )?BM ?\d{2}\b/i }, { manufacturer: /^beurer\b/i, services: [0x1810] }],
    holdOffMs: HOLD_OFF_MS,
    doubles: 'burst-resend', // [M]
    records: 'pushed', // [M]
    users: 'user-index',
    // Flags 0x56; pulse rate and status big-endian; the user octet always [DD ble_measurement_data_test.dart].
    valueQuirks: ['pulse-big-endian'],
    behaviors: ['disconnects-when-done'],
    advice: ['Switch Bluetooth on in the settings of the monitor; it sends right after a measurement.'],
  },
];
