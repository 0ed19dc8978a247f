/** What the radio does with each service: plain data, so that a device's needs are no `if` in the road. */

/** What a value that is read on every connection is for. */
export type ReadPurpose =
  /** Text of the Device Information service, for `onDevice`. */
  | 'manufacturer'
  | 'model'
  | 'serial'
  | 'firmware'
  /** Handed on with each notification of the same service. */
  | 'feature'
  | 'session-start'
  /** Delivered as if it had been notified. */
  | 'value';

/** A 16-bit UUID as a number, or a longer one in lower case with hyphens. */
export type Uuid = number | string;

/** How the stored records of a service are told apart, and asked for through its Record Access Control Point 2A52. */
export interface RecordAccess {
  /**
   * `sequence`: each has a number that only grows, until it wraps. `time-offset`: minutes since the start of the present
   * session. `none`: no number, so there is no `from here on`.
   */
  readonly by: 'sequence' | 'time-offset' | 'none';
  /** Characteristics that carry records. */
  readonly carriers: readonly number[];
}

/** What the octets of a clock mean; see `clock-values.ts`. */
export type ClockKind = 'current-time' | 'date-time' | 'device-time' | 'elapsed-time' | 'contour' | 'care-sens';

export interface Profile {
  /** UUID of the service. */
  readonly service: Uuid;
  /** Characteristics to read, in order. One that the device lacks, or does not let us read, is passed over. */
  readonly read: readonly { readonly characteristic: number; readonly purpose: ReadPurpose }[];
  /** Characteristics to subscribe to, for notifications or indications as the device offers them. */
  readonly subscribe: readonly number[];
  /** What is stored, where the device has 2A52 in this service. */
  readonly records?: RecordAccess;
  /** A characteristic that shows the device's clock. */
  readonly clock?: { readonly characteristic: Uuid; readonly kind: ClockKind };
}

/** Record Access Control Point. */
export const RACP = 0x2a52;

/** Date Time inside a measurement service: how some devices let their clock be set that have no Current Time service. */
const CLOCK_IN_SERVICE = { characteristic: 0x2a08, kind: 'date-time' } as const;

const feature = (characteristic: number) => ({ characteristic, purpose: 'feature' as const });

/** The services that the agent hears, by their SIG assigned numbers, in the order in which it subscribes. */
export const PROFILES: readonly Profile[] = [
  // Heart Rate: measurement
  { service: 0x180d, read: [], subscribe: [0x2a37] },
  // Blood Pressure: measurement (indicated); from 1.1 on enhanced measurement (indicated) and stored records
  {
    service: 0x1810,
    read: [feature(0x2a49)],
    subscribe: [0x2a35, 0x2b34, 0x2b36],
    records: { by: 'sequence', carriers: [0x2b36] },
    clock: CLOCK_IN_SERVICE,
  },
  // Health Thermometer: measurement (indicated)
  { service: 0x1809, read: [], subscribe: [0x2a1c], clock: CLOCK_IN_SERVICE },
  // Pulse Oximeter: spot-check (indicated), continuous (notified)
  {
    service: 0x1822,
    read: [feature(0x2a60)],
    subscribe: [0x2a5e, 0x2a5f],
    records: { by: 'none', carriers: [0x2a5e] },
    clock: CLOCK_IN_SERVICE,
  },
  // Glucose: measurement, measurement context
  {
    service: 0x1808,
    read: [feature(0x2a51)],
    subscribe: [0x2a18, 0x2a34],
    records: { by: 'sequence', carriers: [0x2a18, 0x2a34] },
    clock: CLOCK_IN_SERVICE,
  },
  // Continuous Glucose Monitoring: feature, session start time; measurement
  {
    service: 0x181f,
    read: [feature(0x2aa8), { characteristic: 0x2aaa, purpose: 'session-start' }],
    subscribe: [0x2aa7],
    records: { by: 'time-offset', carriers: [0x2aa7] },
  },
  // Weight Scale, Body Composition: measurements (indicated)
  { service: 0x181d, read: [feature(0x2a9e)], subscribe: [0x2a9d], clock: CLOCK_IN_SERVICE },
  { service: 0x181b, read: [feature(0x2a9b)], subscribe: [0x2a9c], clock: CLOCK_IN_SERVICE },
  // Generic Health Sensor: live and stored observations, in segments
  {
    service: 0x1840,
    read: [feature(0x2bf3)],
    subscribe: [0x2b8b, 0x2bdd],
    records: { by: 'none', carriers: [0x2bdd] },
  },
  // Running, cycling speed and cadence: feature, measurement
  { service: 0x1814, read: [feature(0x2a54)], subscribe: [0x2a53] },
  { service: 0x1816, read: [feature(0x2a5c)], subscribe: [0x2a5b] },
  // Battery: level, level status
  {
    service: 0x180f,
    read: [
      { characteristic: 0x2a19, purpose: 'value' },
      { characteristic: 0x2bed, purpose: 'value' },
    ],
    subscribe: [0x2a19, 0x2bed],
  },
  // Clocks: Current Time, Device Time, Elapsed Time, and those of Contour and CareSens meters
  { service: 0x1805, read: [], subscribe: [], clock: { characteristic: 0x2a2b, kind: 'current-time' } },
  { service: 0x1847, read: [], subscribe: [], clock: { characteristic: 0x2b90, kind: 'device-time' } },
  { service: 0x183f, read: [], subscribe: [], clock: { characteristic: 0x2bf2, kind: 'elapsed-time' } },
  {
    service: '00000000-0002-11e2-9e96-0800200c9a66',
    read: [],
    subscribe: [],
    clock: { characteristic: '00001026-0002-11e2-9e96-0800200c9a66', kind: 'contour' },
  },
  {
    service: 'c4dea010-5a9d-11e9-8647-d663bd873d93',
    read: [],
    subscribe: [],
    clock: { characteristic: 'c4dea3bc-5a9d-11e9-8647-d663bd873d93', kind: 'care-sens' },
  },
  { service: 0xfff0, read: [], subscribe: [], clock: { characteristic: 0xfff1, kind: 'care-sens' } },
  // User Data: found, so that a scale with consent of users is known as one
  { service: 0x181c, read: [], subscribe: [] },
  // Device Information: manufacturer name, model number, serial number, firmware revision strings
  {
    service: 0x180a,
    read: [
      { characteristic: 0x2a29, purpose: 'manufacturer' },
      { characteristic: 0x2a24, purpose: 'model' },
      { characteristic: 0x2a25, purpose: 'serial' },
      { characteristic: 0x2a26, purpose: 'firmware' },
    ],
    subscribe: [],
  },
];
