/** Keeps the scan going: noble and other users of an adapter stop it, and some controllers go quiet without a word. */
import type { Noble } from './noble-internals.ts';

/** Wait before scanning again after somebody else stopped it. */
const RESTART_AFTER_MS = 1_000;

export class ScanKeeper {
  readonly #noble: Noble;
  readonly #onRestart: () => void;
  readonly #watch: NodeJS.Timeout;
  #wanted = false;
  #heardSomething = false;
  #restart: NodeJS.Timeout | undefined;

  /** `watchdogMs`: a scan that hears nothing for so long is started anew; `onRestart` is told. */
  constructor(noble: Noble, watchdogMs: number, onRestart: () => void) {
    this.#noble = noble;
    this.#onRestart = onRestart;
    noble.on('scanStop', () => this.#onStop());
    this.#watch = setInterval(() => {
      if (this.#wanted && !this.#heardSomething) this.#again();
      this.#heardSomething = false;
    }, watchdogMs);
  }

  /** Scans from now on, reporting every advertisement. */
  resume(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#noble.startScanning([], true);
  }

  /** Stops: many controllers cannot scan and connect at the same time. */
  pause(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    clearTimeout(this.#restart);
    this.#noble.stopScanning();
  }

  /** The adapter has lost power: nothing to stop. */
  forget(): void {
    this.#wanted = false;
    clearTimeout(this.#restart);
  }

  /** Tells that an advertisement was heard. */
  heard(): void {
    this.#heardSomething = true;
  }

  close(): void {
    this.pause();
    clearInterval(this.#watch);
  }

  #onStop(): void {
    if (!this.#wanted) return;
    clearTimeout(this.#restart);
    this.#restart = setTimeout(() => this.#again(), RESTART_AFTER_MS);
  }

  #again(): void {
    if (!this.#wanted) return;
    this.#onRestart();
    this.#noble.startScanning([], true);
  }
}
