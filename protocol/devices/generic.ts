/** Devices of which nothing is known but that they speak the standard. */
import { type DeviceProfile, STANDARD } from './policies.ts';

export const GENERIC: DeviceProfile = {
  ...STANDARD,
  name: 'generic',
  title: 'A device with standard health services',
  recognizedBy: [],
  advice: [
    'Put the device into pairing mode if it has one, and keep it near.',
    'Remove it from other phones and apps: many devices talk to one at a time.',
  ],
};
