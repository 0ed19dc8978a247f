/**
 * What a controller has to say to its host: packets in order, each with the instant at which it was said. They are
 * handed over later, never inside the call that caused them, as a real controller would; the stamp goes with them.
 */

/**
 * Takes one packet. `stamp` is the instant (ms since epoch) of the packet. A promise asks to wait before the next
 * packet (back-pressure).
 */
export type HostSink = (packet: Buffer, stamp: number) => Promise<void> | undefined;

/** How many packets are handed over before other work gets a turn. */
const BURST = 256;

interface Entry {
  readonly packet: Buffer;
  readonly stamp: number;
  readonly delivered: ((handedOver: boolean) => void) | undefined;
}

export class HostQueue {
  #entries: Entry[] = [];
  #next = 0;
  #sink: HostSink | undefined;
  #running = false;

  /** Sets who receives; undefined detaches. Packets that were not handed over yet are dropped. */
  attach(sink: HostSink | undefined): void {
    this.#sink = sink;
    this.clear();
  }

  /** Queues a packet; `delivered(false)` when it is dropped because no host listens. */
  push(packet: Buffer, stamp: number, delivered?: (handedOver: boolean) => void): void {
    if (!this.#sink) {
      delivered?.(false);
      return;
    }
    this.#entries.push({ packet, stamp, delivered });
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => void this.#drain());
  }

  /** Drops everything that waits. */
  clear(): void {
    const dropped = this.#entries.slice(this.#next);
    this.#entries = [];
    this.#next = 0;
    for (const entry of dropped) entry.delivered?.(false);
  }

  #take(): Entry | undefined {
    const entry = this.#entries[this.#next++];
    if (entry) return entry;
    this.#entries = [];
    this.#next = 0;
    return undefined;
  }

  async #drain(): Promise<void> {
    let handedOver = 0;
    for (let entry = this.#take(); entry; entry = this.#take()) {
      const sink = this.#sink;
      const wait = sink?.(entry.packet, entry.stamp);
      entry.delivered?.(sink !== undefined);
      if (wait) await wait;
      if (++handedOver % BURST === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#running = false;
  }
}
