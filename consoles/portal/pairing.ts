/** What the service says of pairing (`GET /api/pairing`), and what the page makes of it. Pure. */
import { MAX_USER_INDEX } from '../../protocol/agent-action.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Grant } from '../shared/answers.ts';
import type { IconName } from '../shared/icons.tsx';
import { isStanding } from './grants.ts';

/** A wearable before it has told anything of itself. */
interface DeviceTitle {
  readonly name?: string;
  readonly kind: string;
  /** Its family, or what kind of device it is. */
  readonly title: string;
}

export interface Found extends DeviceTitle {
  /** Device handle, hex. */
  readonly device: string;
  /** dBm. */
  readonly rssi: number;
  readonly heardAt: string;
  readonly paired: boolean;
  /** Why it cannot be used; absent where it can. */
  readonly unsupported?: string;
  readonly advice: readonly string[];
}

export type PairingPhase =
  | 'asking'
  | 'connecting'
  | 'passkey'
  | 'reconnecting'
  | 'first-reading'
  | 'verifying'
  | 'paired'
  | 'failed';

export interface PairingOf extends DeviceTitle {
  readonly device: string;
  readonly gateway: string;
  readonly phase: PairingPhase;
  readonly failure?: { readonly code: string; readonly words: readonly string[] };
  readonly reading?: {
    readonly id: string;
    readonly title: string;
    readonly measuredAt: string;
    readonly signed: boolean;
    readonly inTree: boolean;
    readonly inLog: boolean;
  };
}

export interface HeldMeasurements {
  readonly gateway: string;
  readonly device: string;
  readonly userIndex: number;
  readonly count: number;
  readonly name?: string;
}

/** One of the patient's gateways. */
export interface GatewayView {
  readonly id: string;
  readonly heardAt?: string;
  readonly state?: 'active' | 'replaced' | 'frozen' | 'revoked';
  /** Number of the batch that is missing. */
  readonly waitsFor?: number;
}

/** What is amiss with a gateway, in words for the patient; `undefined` when nothing is. */
export function gatewayTrouble({ state, waitsFor }: GatewayView): string | undefined {
  if (state === 'revoked')
    return 'This gateway counts no more. What it still delivers waits for a decision of your clinic.';
  if (state === 'frozen')
    return 'This gateway contradicts itself. Nothing more is taken from it until your clinic has looked.';
  return waitsFor === undefined
    ? undefined
    : `Gateway waits for batch ${waitsFor}: readings in between are on their way or lost.`;
}

export interface PairingState {
  readonly gateways: readonly GatewayView[];
  readonly scans: readonly { readonly gateway: string; readonly until: string; readonly found: readonly Found[] }[];
  readonly pairings: readonly PairingOf[];
  readonly paired: readonly { readonly gateway: string; readonly device: string }[];
  readonly held: readonly HeldMeasurements[];
}

export interface Signal {
  /** 1 to 4. */
  readonly bars: number;
  readonly word: string;
}

/** dBm as people read it. */
export function signalOf(rssi: number): Signal {
  if (rssi >= -55) return { bars: 4, word: 'very strong' };
  if (rssi >= -67) return { bars: 3, word: 'strong' };
  if (rssi >= -80) return { bars: 2, word: 'good' };
  return { bars: 1, word: 'weak' };
}

const ICONS: Readonly<Record<string, IconName>> = {
  'blood-pressure': 'gauge',
  glucose: 'drop',
  cgm: 'drop',
  oximeter: 'finger',
  thermometer: 'thermometer',
  scale: 'scale',
  'body-composition': 'scale',
  'heart-rate': 'pulse',
};

export function kindIcon(kind: string): IconName {
  return ICONS[kind] ?? 'device';
}

export function foundName({ name, title }: Pick<Found, 'name' | 'title'>): string {
  return name ?? `${title} without a name`;
}

/** In the order in which they turned up, so that nothing moves under the finger. */
export function keepOrder(before: readonly string[], found: readonly Found[]): readonly string[] {
  const now = found.map(({ device }) => device);
  return [...before.filter((device) => now.includes(device)), ...now.filter((device) => !before.includes(device))];
}

export const STEPS = [
  { title: 'Ask the gateway', text: 'The gateway takes the wearable as yours.' },
  { title: 'Connect', text: 'Keep the wearable near the gateway, switched on and awake.' },
  { title: 'Come back', text: 'The gateway lets go once, and the wearable has to come back on its own.' },
  { title: 'First reading', text: 'Take a measurement if the wearable does not send by itself.' },
  { title: 'Verify', text: 'The reading is signed, in its tree, and in the public log.' },
] as const;

const REACHED: Readonly<Record<PairingPhase, number>> = {
  asking: 0,
  connecting: 1,
  passkey: 1,
  reconnecting: 2,
  'first-reading': 3,
  verifying: 4,
  paired: 5,
  failed: -1,
};

/** How many of {@link STEPS} are done; -1 where it failed. */
export function stepsDone(phase: PairingPhase): number {
  return REACHED[phase];
}

/** True when a grant in force lets this device's readings be collected already. */
export function isCollectCovered(grants: readonly Grant[], device: string, now: Instant): boolean {
  return grants.some(
    (grant) =>
      grant.action === 'collect' &&
      isStanding(grant, now) &&
      (grant.device === undefined || grant.device === device) &&
      Date.parse(grant.from) <= now,
  );
}

/** One sentence for whoever listens rather than looks. */
export function phaseText({ phase, failure, name, title }: PairingOf): string {
  const step = STEPS[stepsDone(phase)];
  if (phase === 'paired') return `${foundName({ title, ...(name !== undefined && { name }) })} is paired.`;
  if (phase === 'failed') return `That did not work. ${failure?.words[0] ?? ''}`;
  if (phase === 'passkey') return 'The wearable shows six digits. Type them here.';
  return step ? `${step.title}. ${step.text}` : '';
}

export function isUnderWay({ phase }: PairingOf): boolean {
  return phase !== 'paired' && phase !== 'failed';
}

/** Digits of what was typed, at most six. */
export function passkeyDigits(typed: string): string {
  return typed.replaceAll(/\D/g, '').slice(0, 6);
}

/** False where the device did not say which of its users measured: nobody can say that they are hers. */
export function isClaimable({ userIndex }: HeldMeasurements): boolean {
  return userIndex <= MAX_USER_INDEX;
}

/** "3 measurements of user 2 of HTEST cuff wait". */
export function heldText(held: HeldMeasurements): string {
  const { count, userIndex, name } = held;
  const what = count === 1 ? '1 measurement' : `${count} measurements`;
  if (!isClaimable(held)) {
    return `${what} of ${name ?? 'a device'} ${count === 1 ? 'does' : 'do'} not say whose ${count === 1 ? 'it is' : 'they are'}. Choose your user on the device before you measure.`;
  }
  return `${what} of user ${userIndex} of ${name ?? 'a device'} ${count === 1 ? 'waits' : 'wait'}: ${count === 1 ? 'is it' : 'are they'} yours?`;
}
