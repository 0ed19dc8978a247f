/** Accu-Chek Guide, Aviva Connect and Instant blood glucose meters, and SmartGuide sensors (Roche). */
import { type DeviceProfile, STANDARD } from './policies.ts';

export const ACCU_CHEK: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'accu-chek-meter',
    title: 'Accu-Chek Guide, Aviva Connect or Instant blood glucose meter',
    // The name of the meters [M].
    recognizedBy: [
      { name: /^(?:meter\+|Accu-?Chek\b)/i },
      { manufacturer: /^(?:roche|accu-?chek)\b/i, services: [0x1808] },
    ],
    pairing: 'passkey', // Six digits on the label or the display [XD].
    clock: 'date-time-in-service', // Date Time 2A08 inside 1808 instead of the Current Time service [XD].
    records: 'racp-incremental',
    behaviors: ['needs-one-record'], // [XD #634]
    advice: [
      'The passkey is the six digits on the label at the back of the meter, or on its display.',
      'Measure once before pairing: the meter connects only when it has something to send.',
    ],
  },
  {
    ...STANDARD,
    name: 'accu-chek-sensor',
    title: 'Accu-Chek SmartGuide glucose sensor',
    recognizedBy: [{ name: /SmartGuide/i, services: [0x181f] }], // Standard 181F [M].
    pairing: 'passkey', // [M]
    clock: 'none', // The session start tells its time.
    records: 'racp-incremental',
    advice: ['The passkey is the six digits on the applicator.'],
  },
];
