/**
 * The subscriptions of one link. A refusal may be a passing one, and a link without its measurement looks like any other that
 * is silent for a while: so what the device refused is asked for again, ever more seldom, as long as the link lasts.
 */
import type { Dialog, Found } from './dialog.ts';

export interface SubscriptionsOptions {
  readonly dialog: Pick<Dialog, 'subscribe'>;
  /** Wait before the first repetition, doubled for each further one. */
  readonly againMs: number;
  readonly againMaxMs: number;
  /** The link hangs, or has ended. */
  readonly onFailed: (error: unknown) => void;
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #refused = new Set<Found>();
  #waitMs: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#waitMs = options.againMs;
  }

  /** How many of these the device accepted at once. Rejects when the link hangs or is gone. */
  async add(wanted: readonly Found[]): Promise<number> {
    let accepted = 0;
    for (const found of wanted) {
      if (await this.#options.dialog.subscribe(found)) accepted++;
      else this.#refused.add(found);
    }
    if (this.#refused.size > 0) this.#askLater();
    return accepted;
  }

  /** The device refused it, and has not accepted it since. */
  isRefused(found: Found): boolean {
    return this.#refused.has(found);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #askLater(): void {
    if (this.#stopped || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#ask().catch((error: unknown) => {
        if (!this.#stopped) this.#options.onFailed(error);
      });
    }, this.#waitMs);
  }

  async #ask(): Promise<void> {
    for (const found of this.#refused) {
      if (await this.#options.dialog.subscribe(found)) this.#refused.delete(found);
      if (this.#stopped) return;
    }
    this.#timer = undefined;
    this.#waitMs = Math.min(2 * this.#waitMs, this.#options.againMaxMs);
    if (this.#refused.size > 0) this.#askLater();
  }
}
