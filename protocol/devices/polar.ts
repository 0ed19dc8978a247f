/** Polar straps and armbands: H7, H9, H10, OH1, Verity. */
import { type DeviceProfile, STANDARD } from './policies.ts';

export const POLAR: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'polar-heart-rate',
    title: 'Polar heart rate sensor',
    // Sense is what the Verity calls itself [M]. It also advertises the rate under company 006B [T].
    recognizedBy: [
      { name: /^Polar (?:H7|H9|H10|OH1|Sense|Verity)\b/i },
      { manufacturer: /^polar\b/i, services: [0x180d] },
    ],
    // Firmware 4.0.4 hangs up on hosts that have not paired; it is paired when it asks [PL #774].
    clock: 'none',
    // A second link must be allowed by its owner [PL #170]; contact [PL #83]; several RR above 60/min [PL #169].
    behaviors: ['single-central', 'contact-flips', 'several-rr'],
    advice: [
      "Wet the strap and put it on; close other apps that listen to it, or allow a second link in Polar's own app.",
    ],
  },
];
