/** Nonin 3230 pulse oximeter: continuous and spot-check, as the standard says [B], [PHH]. */
import { type DeviceProfile, STANDARD } from './policies.ts';

export const NONIN: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'nonin-oximeter',
    title: 'Nonin 3230 pulse oximeter',
    recognizedBy: [{ name: /^Nonin3230/i }, { manufacturer: /^nonin\b/i, services: [0x1822] }],
    advice: ['Put a finger into the oximeter: it switches on and connects by itself.'],
  },
];
