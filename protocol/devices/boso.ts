/** boso medicus blood pressure monitors. */
import { type DeviceProfile, HOLD_OFF_MS, STANDARD } from './policies.ts';

export const BOSO: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'boso-medicus',
    title: 'boso medicus blood pressure monitor',
    recognizedBy: [{ name: /^boso\b/i }, { manufacturer: /\bboso(?:ch)?\b/i, services: [0x1810] }],
    holdOffMs: HOLD_OFF_MS,
    records: 'pushed', // [M]
    behaviors: ['unstable-connect'], // [DD #80]
    advice: ['Connecting may take several tries: leave the monitor near and switched on.'],
  },
];
