/** What a patient is shown of pairing: plain JSON. A device is named by its handle in her own leaves, never by its address. */
import { deviceKindTitle } from '../protocol/device-kind.ts';
import { profileNamed } from '../protocol/devices/device-profile.ts';
import { GENERIC } from '../protocol/devices/generic.ts';
import type { AgentId } from '../protocol/keys.ts';
import { explainPairingFailure, type PairingFailure } from '../protocol/pairing-failure.ts';
import type { FoundDevice, PairingLinkState } from '../protocol/report.ts';
import { formatInstant, type Instant } from '../protocol/time.ts';
import type { Standing, StandingOf } from './standing.ts';

/** What a device is called before it has told anything of itself. */
export interface DeviceTitle {
  readonly name?: string;
  readonly kind: string;
  readonly title: string;
}

export interface FoundView extends DeviceTitle {
  /** Handle, hex. */
  readonly device: string;
  /** dBm. */
  readonly rssi: number;
  readonly heardAt: string;
  /** Paired with this patient already. */
  readonly paired: boolean;
  /** Why it cannot be used, where its family is known for that. */
  readonly unsupported?: string;
  /** What to press and what to know. */
  readonly advice: readonly string[];
}

/**
 * `asking`: the gateway has not answered. `reconnecting`: the first link was good and the device has to come back.
 * `first-reading`: the pairing is proven, a reading is awaited. `verifying`: one is filed and not yet in the public log.
 */
export type PairingPhase =
  | 'asking'
  | 'connecting'
  | 'passkey'
  | 'reconnecting'
  | 'first-reading'
  | 'verifying'
  | 'paired'
  | 'failed';

export interface FirstReading extends Standing {
  readonly id: string;
  readonly title: string;
  readonly measuredAt: string;
}

export interface PairingView extends DeviceTitle {
  readonly device: string;
  readonly gateway: string;
  readonly phase: PairingPhase;
  readonly failure?: { readonly code: PairingFailure; readonly words: readonly string[] };
  readonly reading?: FirstReading;
}

/** A pairing that a patient began. */
export interface Session {
  readonly agent: AgentId;
  readonly device: FoundDevice;
  /** As the agent said last; absent while it has said nothing. */
  state?: PairingLinkState;
  /** The start of the agent that said so. */
  boot?: string;
  failure?: PairingFailure;
  /** The first reading since it began. */
  reading?: { readonly id: string; readonly batch: string; readonly title: string; readonly measuredAt: Instant };
}

/** Failed, or proven with a first reading: nothing is left for the agent to do. */
export function isOver({ state, reading }: Session): boolean {
  return state === 'failed' || ((state === 'proven' || state === 'hearing') && reading !== undefined);
}

export function titleOf({ name, kind, profile }: FoundDevice): DeviceTitle {
  const known = profile === 'generic' ? undefined : profileNamed(profile)?.title;
  return { ...(name !== undefined && { name }), kind, title: known ?? deviceKindTitle(kind) };
}

export function viewFound(found: FoundDevice, device: string, paired: boolean): FoundView {
  const known = profileNamed(found.profile);
  return {
    device,
    ...titleOf(found),
    rssi: found.rssi,
    heardAt: formatInstant(found.heardAt),
    paired,
    ...(known?.unsupported !== undefined && { unsupported: known.unsupported }),
    advice: known?.advice ?? [],
  };
}

/** What went wrong, and what helps with a device of its family. */
function viewFailure(code: PairingFailure, profile: string): NonNullable<PairingView['failure']> {
  return { code, words: explainPairingFailure(code, profileNamed(profile) ?? GENERIC) };
}

/** Paired is what has come back after its first link *and* said something that anybody can verify. */
function phaseOf(state: PairingLinkState | undefined, reading: Standing | undefined): PairingPhase {
  const verified = reading?.signed === true && reading.inTree && reading.inLog;
  switch (state) {
    case undefined:
      return 'asking';
    case 'connecting':
    case 'pairing':
      return 'connecting';
    case 'passkey-needed':
      return 'passkey';
    case 'bonded':
      return 'reconnecting';
    case 'proven':
    case 'hearing':
      if (!reading) return 'first-reading';
      return verified ? 'paired' : 'verifying';
    case 'failed':
      return 'failed';
  }
}

/** When it was heard of last, or nothing. */
export function viewInstant(at: Instant | undefined): { heardAt?: string } {
  return at === undefined ? {} : { heardAt: formatInstant(at) };
}

/** `handle`: hex. */
export function viewSession(handle: string, session: Session, standingOf: StandingOf): PairingView {
  const { agent, device, state, failure, reading } = session;
  const standing = reading && standingOf(reading.batch);
  return {
    device: handle,
    gateway: agent,
    ...titleOf(device),
    phase: phaseOf(state, standing),
    ...(failure !== undefined && { failure: viewFailure(failure, device.profile) }),
    ...(reading &&
      standing && {
        reading: { id: reading.id, title: reading.title, measuredAt: formatInstant(reading.measuredAt), ...standing },
      }),
  };
}
