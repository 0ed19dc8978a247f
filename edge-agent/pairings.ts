/** The pairings that are under way: runs the state machine of each (pairing.ts) and does what it asks for. */
import type { AgentAction } from '../protocol/agent-action.ts';
import type { AddressType } from '../protocol/bluetooth-address.ts';
import type { PairingFailure } from '../protocol/pairing-failure.ts';
import type { PairingLinkState } from '../protocol/report.ts';
import type { Clock } from '../protocol/time.ts';
import type { LinkState } from './coverage.ts';
import { type PairingEvent, type PairingState, type PairingStep, startPairing, stepPairing } from './pairing.ts';
import type { Advertised } from './radio/radio-events.ts';
import type { Report } from './reports.ts';
import { ScanReport } from './scan-report.ts';

/** What pairing needs of the radio. */
export interface PairingRadio {
  /** Ends the device's link, if it has one; it is connected again when it is wanted. */
  disconnect(address: string): void;
  /** Ends its link and forgets its bond. */
  unbond(address: string): void;
}

export interface PairingsOptions {
  readonly report: Report;
  readonly realNow: Clock;
}

interface Pairing {
  readonly address: string;
  readonly addressType: AddressType;
  state: PairingState;
  timer: NodeJS.Timeout | undefined;
  /** Gives the typed digits to whoever asked for them. */
  answer: ((passkey: number | undefined) => void) | undefined;
}

export class Pairings {
  readonly #options: PairingsOptions;
  readonly #scan: ScanReport;
  readonly #pairings = new Map<string, Pairing>();
  #radio: PairingRadio | undefined;

  constructor(options: PairingsOptions) {
    this.#options = options;
    const { report, realNow } = options;
    this.#scan = new ScanReport({ realNow, report: (devices) => report({ type: 'found', devices }) });
  }

  bind(radio: PairingRadio): void {
    this.#radio = radio;
  }

  /** Does what is left to do of an action after the command is durable. */
  act(action: AgentAction, taken: boolean): void {
    switch (action.type) {
      case 'scan':
        this.#scan.run(action.forMs);
        return;
      case 'assign':
        if (taken) this.#report(action, 'failed', 'taken');
        else this.#start(action);
        return;
      case 'passkey':
        this.#givePasskey(action.address, action.passkey);
        return;
      case 'unassign':
      case 'claim':
      case 'erase':
        return; // durable already
    }
  }

  /** Hears an advertisement, for who is looking around. */
  noticed(advertised: Advertised): void {
    this.#scan.heard(advertised);
  }

  linkChanged(address: string, state: LinkState, mute = false): void {
    if (mute) this.#event(address, { type: 'mute' });
    else if (state !== 'connected' && state !== 'waiting') this.#event(address, { type: state });
  }

  /** A value came from the device. */
  valueCame(address: string): void {
    this.#event(address, { type: 'value' });
  }

  /** True while a patient wants the device to be paired: only then may keys be made. */
  mayPair(address: string): boolean {
    const phase = this.#pairings.get(address)?.state.phase;
    return phase === 'seeking' || phase === 'connecting' || phase === 'passkey';
  }

  /** The six digits that the device shows, once the patient has typed them; `undefined` when nobody does in time. */
  passkeyOf(address: string): Promise<number | undefined> {
    const pairing = this.#pairings.get(address);
    if (!pairing || !this.mayPair(address)) return Promise.resolve(undefined);
    pairing.answer?.(undefined);
    const typed = new Promise<number | undefined>((resolve) => {
      pairing.answer = resolve;
    });
    this.#event(address, { type: 'passkey-asked' });
    return typed;
  }

  /** The security manager or the device says no. */
  refused(address: string, failure: PairingFailure): void {
    this.#event(address, { type: 'refused', failure });
  }

  /** Nobody wants the device any more. */
  forget(address: string): void {
    const pairing = this.#pairings.get(address);
    this.#pairings.delete(address);
    this.#settle(pairing);
    this.#radio?.disconnect(address);
  }

  /** It was taken away from its patient: whoever has it next makes a bond of their own. */
  remove(address: string): void {
    this.forget(address);
    this.#radio?.unbond(address);
  }

  stop(): void {
    this.#scan.stop();
    for (const pairing of this.#pairings.values()) this.#settle(pairing);
    this.#pairings.clear();
  }

  #settle(pairing: Pairing | undefined): void {
    clearTimeout(pairing?.timer);
    pairing?.answer?.(undefined);
  }

  #start({ address, addressType }: { readonly address: string; readonly addressType: AddressType }): void {
    this.#settle(this.#pairings.get(address));
    const { state, effects } = startPairing();
    const pairing: Pairing = { address, addressType, state, timer: undefined, answer: undefined };
    this.#pairings.set(address, pairing);
    this.#apply(pairing, { state, effects });
    // A device that is linked already has to come back as well, so that its pairing is seen from the start.
    this.#radio?.disconnect(address);
  }

  #givePasskey(address: string, passkey: number): void {
    const pairing = this.#pairings.get(address);
    const answer = pairing?.answer;
    if (!pairing || !answer) return;
    pairing.answer = undefined;
    this.#event(address, { type: 'passkey-given' });
    answer(passkey);
  }

  #event(address: string, event: PairingEvent): void {
    const pairing = this.#pairings.get(address);
    if (pairing) this.#apply(pairing, stepPairing(pairing.state, event));
  }

  #apply(pairing: Pairing, { state, effects }: PairingStep): void {
    pairing.state = state;
    if (state.phase !== 'passkey' && state.phase !== 'connecting') {
      pairing.answer?.(undefined);
      pairing.answer = undefined;
    }
    for (const effect of effects) {
      switch (effect.type) {
        case 'report':
          this.#report(pairing, effect.state, effect.failure);
          break;
        case 'disconnect':
          this.#radio?.disconnect(pairing.address);
          break;
        case 'wait':
        case 'wait-no-more':
          clearTimeout(pairing.timer);
          pairing.timer =
            effect.type === 'wait'
              ? setTimeout(() => this.#event(pairing.address, { type: 'overdue' }), effect.ms)
              : undefined;
          break;
      }
    }
  }

  #report(
    { address, addressType }: Pick<Pairing, 'address' | 'addressType'>,
    state: PairingLinkState,
    failure?: PairingFailure,
  ): void {
    this.#options.report({ type: 'link', address, addressType, state, ...(failure !== undefined && { failure }) });
  }
}
