/** Oximeters that speak by a private serial service, not by 1822. */
import { type DeviceProfile, LEFT_ALONE } from './policies.ts';

export const VENDOR_OXIMETERS: readonly DeviceProfile[] = [
  {
    ...LEFT_ALONE,
    name: 'vendor-oximeter',
    title: 'Viatom, Wellue or BerryMed oximeter',
    // Names [M]; private service: SensorsIot/Bluetooth-BLE-on-Arduino-IDE #5, XCSoar/XCSoar #3158.
    recognizedBy: [{ name: /^(?:O2Ring|Viatom|Wellue|Oxylink|Checkme|BerryMed)/i, lacks: [0x1822] }],
    advice: [],
    unsupported: "It speaks a private language of its maker's app instead of the standard for pulse oximeters.",
  },
];
