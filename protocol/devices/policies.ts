/**
 * What is known of a family of devices, as data: how it is recognized and how it wants to be treated. Nothing here acts;
 * the radio, the clock setting and the decoders ask.
 *
 * Comments in the files of this folder say where each line comes from, by these tags:
 * [B] weliem/blessed-android, README and example BluetoothHandler.java; [PHH] weliem/pi-health-hub; [BZ] weliem/blessed-bluez
 * and weliem/bluez_inc; [XD] NightscoutFoundation/xDrip, BluetoothGlucoseMeter.java; [OS] oliexdev/openScale; [HO] eigger/hass-omron;
 * [DD] derdilla/blood-pressure-monitor-fl; [PL] polarofficial/polar-ble-sdk; [TB] HEADS-project/ThingML-BLE,
 * AND_Medical_*.md; [AC] andengineering/AndroidSampleCode; [T] theengs/decoder; [OG] OpenGuardian; [M] working knowledge of
 * engineers, not read in a source: to be verified before anything rests on it. `#n` is a discussion of that repository.
 */

/**
 * How a device wants to be paired. `when-asked`: only when it refuses an operation without. `bond-before-discovery`:
 * the first thing after connecting. `bond-before-connect`: by the person, before the agent ever connects.
 */
export type Pairing =
  | 'none'
  | 'when-asked'
  | 'just-works'
  | 'passkey'
  | 'bond-before-discovery'
  | 'bond-before-connect';

/**
 * How a device's clock is set. `date-time-in-service`: by Date Time 2A08 inside its measurement service.
 * `current-time`: by Current Time 2A2B. `current-time-if-off-by-10-min`: by 2A2B after its first notification, only when
 * it is more than ten minutes wrong. `vendor`: by a characteristic of its maker.
 */
export type ClockPolicy = 'none' | 'date-time-in-service' | 'current-time' | 'current-time-if-off-by-10-min' | 'vendor';

/** Whether subscriptions are written anew on each connection, or kept as the bonded device keeps them, and never undone. */
export type CccdPolicy = 'rewrite-on-connect' | 'keep-when-bonded';

/**
 * How stored measurements come. `none`: it stores nothing. `pushed`: by themselves after subscribing. `racp-all`: all at
 * once through the Record Access Control Point. `racp-incremental`: through it, from the last sequence number on.
 */
export type RecordsPolicy = 'none' | 'pushed' | 'racp-all' | 'racp-incremental';

/** `burst-resend`: what it has sent before comes again on a later connection. */
export type DoublesPolicy = 'none' | 'burst-resend';

/** Whose a measurement is. `user-index`: the device numbers its users. `consent-required`: it is mute without UDS consent. */
export type UsersPolicy = 'one' | 'user-index' | 'consent-required';

/** Bytes that break the standard, each with a decoder in value-quirks.ts. */
export type ValueQuirk = 'pulse-big-endian' | 'ketone-by-context';

/** What else a device is known to do. */
export type Behavior =
  /** Advertises a standard service though its data comes by a service of its maker. */
  | 'advertises-unused-service'
  /** Goes on advertising for a while after it has sent everything. */
  | 'advertises-when-done'
  /** The contact flag says `not detected` on every other connection. */
  | 'contact-flips'
  /** Ends the link when it has sent everything: a success. */
  | 'disconnects-when-done'
  /** Ends the link seconds after it was made. */
  | 'drops-quickly'
  /** Forgets a measurement once its indication was confirmed. */
  | 'erases-when-confirmed'
  /** Reports a failed measurement as NaN throughout. */
  | 'failed-as-nan'
  /** Offers its memory only after at least one measurement was stored. */
  | 'needs-one-record'
  /** Several RR intervals in one notification. */
  | 'several-rr'
  /** Its newest record has the lowest sequence number. */
  | 'sequence-reversed'
  /** Sends only after a measurement, or while a button is held. */
  | 'short-window'
  /** One central at a time, unless its owner allows a second. */
  | 'single-central'
  /** Establishing a connection fails more often than with others. */
  | 'unstable-connect';

/** A 16-bit UUID as a number, or a longer one in lower case with hyphens. */
export type ServiceUuid = number | string;

/** One way to know a family; all parts that are given must fit. */
export interface Recognition {
  /** The name that it advertises. */
  readonly name?: RegExp;
  /** Manufacturer Name String 2A29. */
  readonly manufacturer?: RegExp;
  /** Offers all of these. */
  readonly services?: readonly ServiceUuid[];
  /** Offers none of these; not looked at while its services are unknown. */
  readonly lacks?: readonly ServiceUuid[];
}

export interface Policies {
  /** `advertisement`: what it measures is heard without a connection. */
  readonly heardBy: 'connection' | 'advertisement';
  readonly pairing: Pairing;
  readonly clock: ClockPolicy;
  readonly cccd: CccdPolicy;
  /** Wait after a link has ended before connecting again, ms; null: no longer than for any lost link. */
  readonly holdOffMs: number | null;
  readonly doubles: DoublesPolicy;
  readonly records: RecordsPolicy;
  readonly users: UsersPolicy;
  readonly valueQuirks: readonly ValueQuirk[];
  readonly behaviors: readonly Behavior[];
}

export interface DeviceProfile extends Policies {
  /** Lower case with hyphens; it may stand in a signed leaf and never changes its meaning. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Any of these. */
  readonly recognizedBy: readonly Recognition[];
  /** What to press and what to know, one sentence each. */
  readonly advice: readonly string[];
  /** Why a device of this family cannot be used, for people; absent where it can. */
  readonly unsupported?: string;
}

/** Wait after devices that end the link themselves but go on advertising [PHH]. */
export const HOLD_OFF_MS = 10_000;

/** How a device is treated of which nothing else is known. */
export const STANDARD: Policies = {
  heardBy: 'connection',
  pairing: 'when-asked',
  clock: 'current-time',
  // Hosts remember subscriptions that an unbonded device has forgotten [PHH], [BZ #47].
  cccd: 'rewrite-on-connect',
  holdOffMs: null,
  doubles: 'none',
  records: 'none',
  users: 'one',
  valueQuirks: [],
  behaviors: [],
};

/** How a device is treated that has no standard service: left alone. */
export const LEFT_ALONE: Policies = { ...STANDARD, pairing: 'none', clock: 'none' };
