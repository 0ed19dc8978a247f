/** CareSens blood glucose meters (i-SENS). */
import { type DeviceProfile, STANDARD } from './policies.ts';

export const CARE_SENS: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'care-sens-meter',
    title: 'CareSens blood glucose meter',
    recognizedBy: [{ name: /^CareSens/i }, { manufacturer: /^i-?sens\b/i, services: [0x1808] }],
    pairing: 'passkey', // [M]
    clock: 'vendor', // The time of its maker's service has to be written [XD].
    records: 'racp-incremental',
    valueQuirks: ['ketone-by-context'], // Context `02 sequence 06`: the record is a ketone, a tenth of its value [XD].
    advice: ['Switch Bluetooth on in the settings of the meter; the passkey is on its display or its back.'],
  },
];
