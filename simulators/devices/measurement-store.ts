/**
 * The memory of a device that measures without being heard: values wait until somebody subscribes, then go out oldest
 * first, each forgotten only once it is delivered (an indication: confirmed).
 */
import type { VirtualPeripheral } from '../hci/virtual-peripheral.ts';

interface Stored {
  readonly value: Uint8Array;
  settle: (delivered: boolean) => void;
}

export class MeasurementStore {
  readonly #peripheral: VirtualPeripheral;
  readonly #characteristic: number;
  readonly #released: () => boolean;
  readonly #stored: Stored[] = [];
  #sending = false;
  #onEmpty: (() => void)[] = [];

  /** Where `released` says no, values wait even for a subscriber, until {@link resume}. */
  constructor(peripheral: VirtualPeripheral, characteristic: number, released: () => boolean = () => true) {
    this.#peripheral = peripheral;
    this.#characteristic = characteristic;
    this.#released = released;
    const handle = peripheral.database.handleOf(characteristic);
    peripheral.on('subscribe', (subscribed, on) => {
      if (on && subscribed === handle) void this.#send();
    });
  }

  /** How many values wait. */
  get size(): number {
    return this.#stored.length;
  }

  /** Keeps a value and sends it when it can. True once it is delivered; false when it has to wait for a subscriber. */
  push(value: Uint8Array): Promise<boolean> {
    return new Promise((settle) => {
      this.#stored.push({ value, settle });
      void this.#send();
    });
  }

  /** Sends what waits, if it may go now. */
  resume(): void {
    void this.#send();
  }

  /** Forgets what waits. */
  clear(): void {
    for (const { settle } of this.#stored.splice(0)) settle(false);
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** Resolves when nothing waits. */
  async whenEmpty(): Promise<void> {
    if (this.#stored.length > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (let first = this.#stored[0]; first; first = this.#stored[0]) {
      if (!this.#released() || !(await this.#peripheral.send(this.#characteristic, first.value))) break;
      // It may have been cleared meanwhile.
      if (this.#stored[0] === first) this.#stored.shift();
      first.settle(true);
    }
    this.#sending = false;
    for (const waiting of this.#stored) waiting.settle(false);
    if (this.#stored.length === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
    // Somebody may have subscribed while the last value was on its way to somebody who has gone.
    else if (this.#released() && this.#peripheral.isSubscribed(this.#characteristic)) void this.#send();
  }
}
