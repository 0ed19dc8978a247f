/** TaiDoc: Diamond Mini glucose meter, TD1241 thermometer. */
import { type DeviceProfile, STANDARD } from './policies.ts';

export const TAIDOC: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'taidoc-meter',
    title: 'TaiDoc or Diamond Mini blood glucose meter',
    recognizedBy: [
      { name: /^Diamond\b/i },
      { name: /^TaiDoc\b/i, services: [0x1808] },
      { manufacturer: /^taidoc\b/i, services: [0x1808] },
    ],
    clock: 'none', // [XD]
    // Reversed sequence numbers, the first is the newest; so there is no `from here on`. No context [XD].
    records: 'racp-all',
    doubles: 'burst-resend',
    behaviors: ['sequence-reversed'],
    advice: ['Set the clock on the meter itself: it cannot be set from here.'],
  },
  {
    ...STANDARD,
    name: 'taidoc-thermometer',
    title: 'TaiDoc TD1241 thermometer',
    recognizedBy: [{ name: /^(?:TaiDoc )?TD-?1241/i }, { manufacturer: /^taidoc\b/i, services: [0x1809] }],
    holdOffMs: 40_000, // Else it is connected to again and again while it still advertises [PHH].
    behaviors: ['advertises-when-done'],
    advice: ['Take your temperature: the thermometer sends right after it.'],
  },
];
