/** What the radio does with each service: plain data, so that a device's needs are no `if` in the road. */

/** What a value that is read on every connection is for. */
export type ReadPurpose =
  /** Text of the Device Information service, for `onDevice`. */
  | 'manufacturer'
  | 'model'
  | 'serial'
  | 'firmware'
  /** Read before subscribing and handed on with each notification. */
  | 'feature'
  | 'session-start'
  /** Delivered as if it had been notified. */
  | 'value';

export interface Profile {
  /** 16-bit UUID of the service. */
  readonly service: number;
  /** Characteristics to read, in order. One that the device lacks, or does not let us read, is passed over. */
  readonly read: readonly { readonly characteristic: number; readonly purpose: ReadPurpose }[];
  /** Characteristics to subscribe to, for notifications or indications as the device offers them. */
  readonly subscribe: readonly number[];
}

/** The services that the agent hears, by their SIG assigned numbers. */
export const PROFILES: readonly Profile[] = [
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
  // Heart Rate: measurement
  { service: 0x180d, read: [], subscribe: [0x2a37] },
  // Blood Pressure: measurement (indicated)
  { service: 0x1810, read: [], subscribe: [0x2a35] },
  // Health Thermometer: measurement (indicated)
  { service: 0x1809, read: [], subscribe: [0x2a1c] },
  // Pulse Oximeter: spot-check (indicated), continuous (notified)
  { service: 0x1822, read: [], subscribe: [0x2a5e, 0x2a5f] },
  // Continuous Glucose Monitoring: feature, session start time; measurement
  {
    service: 0x181f,
    read: [
      { characteristic: 0x2aa8, purpose: 'feature' },
      { characteristic: 0x2aaa, purpose: 'session-start' },
    ],
    subscribe: [0x2aa7],
  },
  // Battery: level
  { service: 0x180f, read: [{ characteristic: 0x2a19, purpose: 'value' }], subscribe: [0x2a19] },
];
