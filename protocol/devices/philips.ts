/** Philips and Avent ear thermometers. */
import { type DeviceProfile, STANDARD } from './policies.ts';

export const PHILIPS: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'philips-ear-thermometer',
    title: 'Philips or Avent ear thermometer',
    recognizedBy: [{ name: /^(?:Philips|Avent)\b.*\bear\b/i }, { manufacturer: /^philips\b/i, services: [0x1809] }],
    holdOffMs: 25_000, // Else it is connected to again and again while it still advertises [PHH].
    behaviors: ['advertises-when-done'],
    advice: ['Take your temperature: the thermometer sends right after it.'],
  },
];
