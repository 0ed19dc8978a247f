/**
 * How far a transfer of numbered records has come: the highest number up to which everything is durable. It trails by
 * one record, since only a higher number that follows shows that the device sends the oldest first.
 */

/** What is remembered between connections; durable when it returns. Throws when it could not be written. */
export interface RecordCursors {
  /** Undefined where nothing is remembered, or only of another session. */
  read(key: CursorKey): number | undefined;
  /** Undefined forgets. */
  write(key: CursorKey, number: number | undefined): void;
}

export interface CursorKey {
  /** Address of the device. */
  readonly device: string;
  /** 16-bit UUID. */
  readonly service: number;
  /** Start of the session on which numbers count, where there are sessions. */
  readonly session?: Uint8Array;
}

/** So many records are heard again at most, and recognized as doubles, after the agent was killed. */
const WRITE_EVERY = 32;
/** Numbers are of 16 bits (GLS, BLS, CGMS). */
const WRAP = 0x10000;

export class RecordProgress {
  readonly #write: (number: number | undefined) => void;
  readonly #start: number | undefined;
  /** Everything that was heard, durable. */
  #stored: Promise<unknown> = Promise.resolve();
  #newest: number | undefined;
  #ordered: number | undefined;
  #durable: number | undefined;
  #written: number | undefined;
  #unwritten = 0;
  #highest: number | undefined;
  #disordered = false;
  #wrapped = false;
  #failed: unknown;

  /** `start` is the cursor before this transfer; `write` makes a new one durable. */
  constructor(start: number | undefined, write: (number: number | undefined) => void) {
    this.#start = start;
    this.#ordered = start;
    this.#written = start;
    this.#write = write;
  }

  /** A record was heard, or one more value of it. `stored` resolves when it is durable. */
  note(number: number, stored: Promise<unknown>): void {
    const before = this.#stored;
    this.#stored = Promise.all([before, stored]);
    this.#stored.catch((error: unknown) => {
      this.#failed ??= error;
    });
    this.#highest = Math.max(number, this.#highest ?? number);
    const newest = this.#newest;
    this.#newest = number;
    if (newest === undefined || number === newest) return;
    if (number > newest) {
      this.#ordered = newest;
      before.then(() => this.#advance(newest)).catch(() => undefined);
    } else if (this.#ordered === undefined || number <= this.#ordered) {
      // Not the oldest first, or the numbers have wrapped: nothing is sure before the end.
      this.#disordered = true;
      this.#wrapped ||= newest - number > WRAP / 2;
      if (this.#written !== this.#start) this.#put(this.#start);
    }
    // Else the one before was measured just now, in the midst of the stored ones, and says nothing.
  }

  /** The transfer ended before its end: resolves when what is known of it is durable. */
  async interrupted(): Promise<void> {
    await this.#stored.catch(() => undefined);
    if (!this.#disordered && this.#durable !== undefined && this.#durable !== this.#written) this.#put(this.#durable);
  }

  /** All records have come. Resolves when they are durable, and so is the cursor; rejects when they are not. */
  async complete(): Promise<void> {
    await this.#stored;
    const last = this.#wrapped ? this.#newest : this.#highest;
    this.#durable = last;
    this.#disordered = false;
    if (last !== undefined && last !== this.#written) this.#put(last);
    if (this.#failed !== undefined) throw this.#failed;
  }

  #advance(number: number): void {
    if (this.#disordered || this.#failed !== undefined) return;
    this.#durable = number;
    if (++this.#unwritten >= WRITE_EVERY) this.#put(number);
  }

  #put(number: number | undefined): void {
    this.#unwritten = 0;
    this.#written = number;
    try {
      this.#write(number);
    } catch (error) {
      this.#failed ??= error;
    }
  }
}
