/** Sensors that speak BTHome version 2 in their advertisements (bthome.io). */
import { type DeviceProfile, LEFT_ALONE } from './policies.ts';

export const BTHOME: readonly DeviceProfile[] = [
  {
    ...LEFT_ALONE,
    heardBy: 'advertisement',
    name: 'bthome-sensor',
    title: 'BTHome sensor',
    recognizedBy: [{ services: [0xfcd2] }],
    advice: ['There is nothing to pair; keep the sensor near, and switch encryption off in its settings.'],
  },
];
