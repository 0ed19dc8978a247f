/**
 * One pairing, as a state machine: one pure function over states and events; what is to be done comes back as data.
 *
 * A first link proves little: many devices take anybody once. So the link is ended on purpose, and only when the device
 * comes back, with the keys of the first time where it has any, is the pairing proven.
 */
import type { PairingFailure } from '../protocol/pairing-failure.ts';
import type { PairingLinkState } from '../protocol/report.ts';

export type PairingState =
  /** Not linked yet. `heard`: it advertises. `muted`: it was linked once, and refused everything. */
  | { readonly phase: 'seeking'; readonly heard: boolean; readonly attempts: number; readonly muted?: true }
  | { readonly phase: 'connecting'; readonly attempts: number; readonly muted?: true }
  /** Its display shows six digits. */
  | { readonly phase: 'passkey'; readonly attempts: number; readonly muted?: true }
  /** Linked for the first time; the link is being ended. */
  | { readonly phase: 'parting' }
  /** Has to come back. */
  | { readonly phase: 'returning' }
  | { readonly phase: 'proven' }
  | { readonly phase: 'hearing' }
  /** `resumed`: where it goes on when the device does what it did not do in time. */
  | { readonly phase: 'failed'; readonly failure: PairingFailure; readonly resumed?: PairingState };

export type PairingEvent =
  /** As the radio says (radio-events.ts). */
  | { readonly type: 'heard' | 'connecting' | 'subscribed' | 'lost' }
  | { readonly type: 'passkey-asked' | 'passkey-given' }
  /** Linked, or linked and lost again, and nothing that it measures can be had of it. */
  | { readonly type: 'mute' }
  /** A value came. */
  | { readonly type: 'value' }
  /** The time that was last asked for is over. */
  | { readonly type: 'overdue' }
  /** The device or its security manager says no. */
  | { readonly type: 'refused'; readonly failure: PairingFailure };

export type PairingEffect =
  | { readonly type: 'report'; readonly state: PairingLinkState; readonly failure?: PairingFailure }
  | { readonly type: 'disconnect' }
  /** Sends `overdue` then, unless another wait is asked for before. */
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'wait-no-more' };

export interface PairingStep {
  readonly state: PairingState;
  readonly effects: readonly PairingEffect[];
}

/** Until it is linked for the first time: people need a while to find the button. */
export const SEEK_MS = 90_000;
/** Security Manager Protocol: 30 s without progress end a pairing (Core 5.2 Vol 3 Part H §3.4). */
export const PASSKEY_MS = 30_000;
/** Until it is back; devices that measure now and then hold off for up to 15 s and want one more measurement. */
export const RETURN_MS = 90_000;
/** Until it says something. */
export const READING_MS = 120_000;
/** Links that may fail before it is called a failure. */
export const ATTEMPTS = 5;

export function startPairing(): PairingStep {
  const state = { phase: 'seeking', heard: false, attempts: 0 } as const;
  return { state, effects: [report('connecting'), { type: 'wait', ms: SEEK_MS }] };
}

export function stepPairing(state: PairingState, event: PairingEvent): PairingStep {
  if (event.type === 'refused') return fail(event.failure);
  switch (state.phase) {
    case 'seeking':
      return seek(state, event);
    case 'connecting':
      return connect(state, event);
    case 'passkey':
      if (event.type === 'passkey-given')
        return to({ ...state, phase: 'connecting' }, report('pairing'), wait(SEEK_MS));
      if (event.type === 'overdue') return fail('no-passkey');
      return event.type === 'passkey-asked' ? to(state) : connect({ ...state, phase: 'connecting' }, event);
    case 'parting':
      if (event.type === 'lost') return to({ phase: 'returning' });
      return event.type === 'overdue' ? fail('not-again', { phase: 'returning' }) : to(state);
    case 'returning':
      if (event.type === 'subscribed') return to({ phase: 'proven' }, report('proven'), wait(READING_MS));
      return event.type === 'overdue' ? fail('not-again', state) : to(state);
    case 'proven':
      if (event.type === 'value') return to({ phase: 'hearing' }, report('hearing'), { type: 'wait-no-more' });
      return event.type === 'overdue' ? fail('no-reading', state) : to(state);
    case 'hearing':
      return to(state);
    case 'failed':
      return resume(state, event);
  }
}

function seek(state: Extract<PairingState, { phase: 'seeking' }>, event: PairingEvent): PairingStep {
  switch (event.type) {
    case 'heard':
      return to({ ...state, heard: true });
    case 'connecting':
      return to({ phase: 'connecting', ...kept(state) }, report('connecting'));
    case 'overdue':
      return fail(state.heard ? 'no-link' : 'not-heard', state);
    default:
      return to(state);
  }
}

function connect(state: Extract<PairingState, { phase: 'connecting' }>, event: PairingEvent): PairingStep {
  const attempts = state.attempts + 1;
  switch (event.type) {
    case 'passkey-asked':
      return to({ phase: 'passkey', ...kept(state) }, report('passkey-needed'), wait(PASSKEY_MS));
    case 'subscribed':
      return to({ phase: 'parting' }, report('bonded'), { type: 'disconnect' }, wait(RETURN_MS));
    case 'lost': {
      const seeking = { ...kept(state), phase: 'seeking', heard: true, attempts } as const;
      return attempts < ATTEMPTS ? to(seeking) : fail('no-link', { ...seeking, attempts: 0 });
    }
    case 'mute': {
      // A refusal may be a passing one; a device that has refused everything twice does not change its mind.
      const step = state.muted
        ? fail('no-standard-data')
        : to({ phase: 'seeking', heard: true, attempts, muted: true });
      return { ...step, effects: [...step.effects, { type: 'disconnect' }] };
    }
    case 'overdue':
      return fail('no-link', { phase: 'seeking', heard: true, attempts: 0 });
    default:
      return to(state);
  }
}

function kept({ attempts, muted }: { readonly attempts: number; readonly muted?: true }) {
  return { attempts, ...(muted && { muted }) };
}

/** Too late is not never: a device that comes after all is taken. */
function resume(state: Extract<PairingState, { phase: 'failed' }>, event: PairingEvent): PairingStep {
  if (!state.resumed || event.type === 'overdue') return to(state);
  const step = stepPairing(state.resumed, event);
  return step.effects.length > 0 ? step : to({ ...state, resumed: step.state });
}

function fail(failure: PairingFailure, resumed?: PairingState): PairingStep {
  const effects: PairingEffect[] = [{ type: 'report', state: 'failed', failure }, { type: 'wait-no-more' }];
  return { state: { phase: 'failed', failure, ...(resumed && { resumed }) }, effects };
}

function to(state: PairingState, ...effects: readonly PairingEffect[]): PairingStep {
  return { state, effects };
}

function report(state: PairingLinkState): PairingEffect {
  return { type: 'report', state };
}

function wait(ms: number): PairingEffect {
  return { type: 'wait', ms };
}
