/** Glucose meters and sensors that speak private protocols. */
import { type DeviceProfile, LEFT_ALONE } from './policies.ts';

const PRIVATE = "It speaks a private protocol of its maker's app instead of the standard for glucose.";

/** Names [M]. */
export const VENDOR_GLUCOSE: readonly DeviceProfile[] = [
  {
    ...LEFT_ALONE,
    name: 'one-touch-meter',
    title: 'OneTouch Verio blood glucose meter',
    recognizedBy: [{ name: /^OneTouch\b/i, lacks: [0x1808] }], // Vendor service F7A1 [XD].
    advice: [],
    unsupported: PRIVATE,
  },
  {
    ...LEFT_ALONE,
    name: 'dexcom-sensor',
    title: 'Dexcom G5, G6 or G7 glucose sensor',
    recognizedBy: [{ name: /^(?:Dexcom|DXCM)/i, lacks: [0x181f] }], // LoopKit/CGMBLEKit, [XD]
    advice: [],
    unsupported: PRIVATE,
  },
  {
    ...LEFT_ALONE,
    name: 'libre-sensor',
    title: 'FreeStyle Libre glucose sensor',
    recognizedBy: [{ name: /^(?:ABBOTT|FreeStyle|Libre)/i, lacks: [0x181f] }], // [XD]
    advice: [],
    unsupported: PRIVATE,
  },
  {
    ...LEFT_ALONE,
    name: 'medtronic-sensor',
    title: 'Medtronic Guardian sensor or 780G pump',
    // Looks like the standard service of insulin pumps, but what it says is encrypted [OG docs/data-protocol.md].
    recognizedBy: [{ name: /^(?:Guardian|Medtronic)\b/i }, { manufacturer: /^medtronic\b/i }],
    advice: [],
    unsupported: 'What it sends is encrypted for the devices of its maker.',
  },
];
