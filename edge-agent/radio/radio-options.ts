/** What the radio is given, and what it is to its owner. */
import type { Policies } from '../../protocol/devices/policies.ts';
import type { Instant } from '../../protocol/time.ts';
import type { ClockEvent } from './device-clock.ts';
import type { HciTransport } from './hci-transport.ts';
import type { Profile } from './profiles.ts';
import type { Advertised, Broadcast, LinkChange, RadioDevice, RadioLog, RadioNotification } from './radio-events.ts';
import type { RadioTimings } from './radio-timings.ts';
import type { RecordCursors } from './record-progress.ts';
import type { RadioSecurity } from './secure-link.ts';
import type { DeviceUsers } from './user-consent.ts';

export interface RadioOptions extends Omit<RadioSecurity, 'policies' | 'pairingTimeoutMs'> {
  /** Open; the radio closes it. */
  readonly transport: HciTransport;
  readonly profiles: readonly Profile[];
  /** Asked for every advertisement of a device that is not connected. */
  readonly wants: (advertised: Advertised) => boolean;
  /**
   * Least wait, ms, before connecting again to a device whose measurements could come and whose link has ended; without
   * it, or where it is shorter, the backoff alone counts. Some devices go on advertising when they have sent everything.
   */
  readonly holdOffMs?: (advertised: Advertised) => number;
  /** How a device is paired and subscribed to; as standard ones are without. */
  readonly policiesOf?: (advertised: Advertised) => Pick<Policies, 'pairing' | 'cccd'>;
  /** Most links at once; without it as many as the controller grants, which is learned when it refuses one more. */
  readonly maxLinks?: number;
  readonly onDevice: (device: RadioDevice) => void;
  /** Takes what a wanted device says in its advertisements, where its profile says that it speaks so. */
  readonly onBroadcast?: (broadcast: Broadcast) => void;
  /**
   * What a device's clock shows: once a connection before its values, where it has a clock, and once more after it was
   * set, or after that was tried.
   */
  readonly onClock?: (event: ClockEvent) => void;
  /** How far records were fetched; without it everything that a device has stored is fetched on each connection. */
  readonly cursors?: RecordCursors;
  /** Users of devices that give nothing without the consent of one; without it such devices stay mute. */
  readonly users?: DeviceUsers;
  /** Minutes east of UTC here, to which clocks are set; without it none is set. */
  readonly zoneOf?: (instant: Instant) => number;
  /**
   * Takes a value. An indication is confirmed to the device when the returned promise resolves, or at once without
   * one. If it rejects or throws, there is no confirmation and the link is dropped: the device keeps the value.
   */
  readonly onNotification: (notification: RadioNotification) => Promise<void> | undefined;
  readonly onLink: (change: LinkChange) => void;
  /** Monotonic milliseconds. */
  readonly uptime: () => number;
  /** 0 up to 1, for the jitter of reconnections. */
  readonly random: () => number;
  readonly log?: RadioLog;
  readonly timings?: Partial<RadioTimings>;
}

export interface Radio {
  /** Ends the link to a device, if there is one; it is connected to again when it is heard and wanted. */
  disconnect(address: string): void;
  /** Forgets the bond with a device, durably, and ends the link to it. */
  unbond(address: string): void;
  /** Resolves when all that was heard so far has been handed on; a device's first values wait until it is introduced. */
  delivered(): Promise<void>;
  /** Ends all links, within a second and for good, and closes the transport. */
  close(): Promise<void>;
}

/** A radio in this process. */
export interface LocalRadio extends Radio {
  /** How many devices it remembers. */
  readonly remembered: number;
}
