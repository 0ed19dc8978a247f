/** Scales that know their users: Beurer BF, Sanitas SBF72, Soehnle; and the scale of Indie Health. */
import { type DeviceProfile, HOLD_OFF_MS, STANDARD } from './policies.ts';

export const USER_SCALES: readonly DeviceProfile[] = [
  {
    ...STANDARD,
    name: 'user-scale',
    title: 'Beurer BF, Sanitas SBF or Soehnle scale',
    recognizedBy: [
      { name: /^(?:(?:Beurer )?BF ?\d{2,3}\b|(?:Sanitas )?SBF ?7\d\b|Soehnle|Shape\d{3})/i },
      { manufacturer: /^(?:beurer|sanitas|soehnle)\b/i, services: [0x181d, 0x181c] },
    ],
    holdOffMs: HOLD_OFF_MS,
    records: 'pushed',
    doubles: 'burst-resend', // [M]
    // Consent of the User Data Service before any data; the user's index and consent code are kept; to list users is
    // often not supported, and the list of the vendor's service stands in [OS].
    users: 'consent-required',
    advice: ['Step on the scale to wake it, choose your user number, and enter the code that it shows.'],
  },
  {
    ...STANDARD,
    name: 'indie-scale',
    title: 'Indie Health scale',
    recognizedBy: [{ name: /^(?:Indie\b|IH-51-)/i }], // [B], [M]
    holdOffMs: 23_000, // [PHH]
    behaviors: ['advertises-when-done'],
    advice: ['Step on the scale: it switches on and sends by itself.'],
  },
];
