/**
 * Places where a fault can take hold of what passes: HCI packets between controller and host, L2CAP payloads between a
 * device and the air, and the moment of a connection. Whatever is added first acts first; each hands on what it lets pass.
 */
import type { VirtualPeripheral } from './virtual-peripheral.ts';

/** One L2CAP payload of a link. */
export interface Payload {
  readonly peripheral: VirtualPeripheral;
  readonly cid: number;
  readonly octets: Buffer;
  /** Tells a device what it knows of what it sent; who loses or holds a payload has to call it. */
  readonly delivered?: ((handedOver: boolean) => void) | undefined;
}

/** The end of the link on which a payload travels; one and the same for all of its payloads. */
export interface LinkEnd {
  /** Sends as the device would, past all interceptions. */
  send(cid: number, payload: Buffer): void;
  drop(reason: number): void;
}

export type PayloadStep = (payload: Payload, pass: (payload: Payload) => void, link: LinkEnd) => void;

export interface Interception {
  readonly toHost?: (packet: Buffer, pass: (packet: Buffer) => void) => void;
  readonly fromHost?: (packet: Buffer, pass: (packet: Buffer) => void) => void;
  readonly fromDevice?: PayloadStep;
  readonly toDevice?: PayloadStep;
  /** The HCI reason for which a link fails to be established, undefined when it does not. */
  readonly onConnection?: (peripheral: VirtualPeripheral) => number | undefined;
}

export class Interceptions {
  /** A copy on every change, so that one that is taken out while something passes disturbs nobody. */
  #list: readonly Interception[] = [];

  /** Takes hold; what it gives lets go, once and for all. */
  add(interception: Interception): () => void {
    this.#list = [...this.#list, interception];
    return () => {
      this.#list = this.#list.filter((other) => other !== interception);
    };
  }

  toHost(packet: Buffer, end: (packet: Buffer) => void): void {
    chain(
      this.#list.flatMap(({ toHost }) => toHost ?? []),
      packet,
      end,
    );
  }

  fromHost(packet: Buffer, end: (packet: Buffer) => void): void {
    chain(
      this.#list.flatMap(({ fromHost }) => fromHost ?? []),
      packet,
      end,
    );
  }

  fromDevice(payload: Payload, link: LinkEnd, end: (payload: Payload) => void): void {
    const steps = this.#list.flatMap(({ fromDevice }) => fromDevice ?? []);
    chain(steps.map(onLink(link)), payload, end);
  }

  toDevice(payload: Payload, link: LinkEnd, end: (payload: Payload) => void): void {
    const steps = this.#list.flatMap(({ toDevice }) => toDevice ?? []);
    chain(steps.map(onLink(link)), payload, end);
  }

  onConnection(peripheral: VirtualPeripheral): number | undefined {
    for (const { onConnection } of this.#list) {
      const reason = onConnection?.(peripheral);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }
}

type Step<T> = (value: T, pass: (value: T) => void) => void;

function onLink(link: LinkEnd): (step: PayloadStep) => Step<Payload> {
  return (step) => (payload, pass) => step(payload, pass, link);
}

function chain<T>(steps: readonly Step<T>[], value: T, end: (value: T) => void) {
  const [step, ...rest] = steps;
  if (step) step(value, (passed) => chain(rest, passed, end));
  else end(value);
}
