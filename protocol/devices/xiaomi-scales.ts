/** Mi Scale 1 and 2: they say it in their advertisements, under standard UUIDs but not in standard form. */
import { type DeviceProfile, LEFT_ALONE } from './policies.ts';

export const XIAOMI_SCALES: readonly DeviceProfile[] = [
  {
    ...LEFT_ALONE,
    heardBy: 'advertisement',
    name: 'mi-scale',
    title: 'Mi Scale or Mi Body Composition Scale',
    recognizedBy: [{ name: /^(?:MI[_ ]SCALE|MIBCS|MIBFS)/i }], // [OS]
    advice: ['Step on the scale and stand still until the number stops blinking; there is nothing to pair.'],
  },
];
