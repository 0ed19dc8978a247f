/** Wahoo TICKR, Garmin HRM and XOSS X2 straps, and bands that broadcast a heart rate. */
import { type DeviceProfile, type Policies, STANDARD } from './policies.ts';

const STRAP: Policies = { ...STANDARD, pairing: 'none', clock: 'none', behaviors: ['single-central', 'several-rr'] };

export const HEART_RATE_SENSORS: readonly DeviceProfile[] = [
  {
    ...STRAP,
    name: 'heart-rate-strap',
    title: 'Wahoo TICKR, Garmin HRM or XOSS X2 strap',
    // XOSS advertises the rate and its battery, too [T]; not read, for its maker says nowhere how, and the link tells both.
    recognizedBy: [
      { name: /^(?:TICKR|HRM-|XOSS|X2\b)/i, services: [0x180d] },
      { name: /^(?:TICKR|XOSS)/i },
      { manufacturer: /^(?:wahoo|garmin|xoss)\b/i, services: [0x180d] },
    ],
    advice: ['Wet the strap and put it on; close other apps that listen to it.'],
  },
  {
    ...STRAP,
    name: 'xiaomi-band',
    title: 'Mi Band, Amazfit or Zepp band',
    // Heart rate only; oxygen saturation and steps are private [T].
    recognizedBy: [{ name: /^(?:Mi (?:Smart )?Band|Xiaomi Smart Band|Amazfit|Zepp)/i }],
    advice: ['Switch on "heart rate broadcast" in the settings of the band; only the heart rate can be heard.'],
  },
];
