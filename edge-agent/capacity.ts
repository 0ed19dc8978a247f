/**
 * How much the agent may keep while the service does not take it: a declared number of octets for what is pending and
 * what waits in the outbox. When it is used up, new readings are refused and devices keep them; what was acknowledged
 * stays. A reserve is kept from readings, so that what is to be said of the gap always fits.
 */
import { Fault } from '../protocol/fault.ts';
import type { Clock } from '../protocol/time.ts';

/** 256 MiB: weeks of a household's readings. */
export const DEFAULT_CAPACITY_OCTETS = 256 * 1024 * 1024;

/** Of the capacity, kept from readings. */
const RESERVE_SHARE = 1 / 4;
/** Readings are taken again when so much of their share is free. */
const FREE_SHARE = 1 / 10;
/** The rate is that of the readings taken in so much time. */
const RATE_WINDOW_MS = 600_000;
const RATE_STEPS = 20;

/** Room of an agent, for people. */
export interface BufferStatus {
  readonly capacityOctets: number;
  readonly usedOctets: number;
  /** Why no readings are taken at the moment. */
  readonly full?: 'capacity' | 'disk';
  /** Readings that were refused for want of room, since the start. */
  readonly refused: number;
  /** How long the rest lasts at the rate of the last ten minutes, if nothing is handed over; absent without a rate. */
  readonly lastsMs?: number;
}

export interface CapacityOptions {
  readonly capacityOctets: number;
  readonly usedOctets: () => number;
  /** Octets that were ever taken in since the start. */
  readonly takenOctets: () => number;
  /** Real time. */
  readonly realNow: Clock;
  /** Readings are refused from now on, or taken again. */
  readonly onChange: (full: BufferStatus['full']) => void;
}

export class Capacity {
  readonly #options: CapacityOptions;
  #outOfRoom = false;
  #diskFull = false;
  #refused = 0;
  /** When the window began, and octets of readings taken up to each of its steps. */
  #marks: { readonly at: number; readonly taken: number }[] = [];

  constructor(options: CapacityOptions) {
    this.#options = options;
    this.#marks = [{ at: options.realNow(), taken: 0 }];
  }

  get #forReadings(): number {
    return this.#options.capacityOctets * (1 - RESERVE_SHARE);
  }

  /** Throws `unavailable`, to try later, when a value may not be taken. A full disk is asked each time: only it can tell. */
  admit(): void {
    this.look();
    this.#mark();
    if (!this.#outOfRoom) return;
    this.#refused++;
    throw new Fault('unavailable', 'there is no room for readings', 'later');
  }

  /** True while there is room to seal what is to be said of a gap; else it waits in memory and becomes one interval. */
  get admitsCoverage(): boolean {
    return this.#options.usedOctets() < this.#options.capacityOctets;
  }

  /** To be called when room may have been taken or freed. */
  look(): void {
    const used = this.#options.usedOctets();
    const limit = this.#outOfRoom ? this.#forReadings * (1 - FREE_SHARE) : this.#forReadings;
    this.#set(used >= limit, this.#diskFull);
  }

  setDiskFull(full: boolean): void {
    this.#set(this.#outOfRoom, full);
  }

  /** A reading was refused although there was room by our count. */
  refusedByDisk(): void {
    this.#refused++;
  }

  #mark(): void {
    const now = this.#options.realNow();
    if (now - this.#marks.at(-1)!.at < RATE_WINDOW_MS / RATE_STEPS) return;
    this.#marks.push({ at: now, taken: this.#options.takenOctets() });
    this.#marks = this.#marks.filter(({ at }, i) => i === this.#marks.length - 1 || now - at <= RATE_WINDOW_MS);
  }

  get status(): BufferStatus {
    const { capacityOctets, usedOctets, realNow } = this.#options;
    const full = this.#full;
    const first = this.#marks[0]!;
    const spanMs = realNow() - first.at;
    const rate = spanMs > 0 ? (this.#options.takenOctets() - first.taken) / spanMs : 0;
    const used = usedOctets();
    return {
      capacityOctets,
      usedOctets: used,
      ...(full && { full }),
      refused: this.#refused,
      ...(rate > 0 && { lastsMs: Math.round(Math.max(0, this.#forReadings - used) / rate) }),
    };
  }

  get #full(): BufferStatus['full'] {
    return this.#diskFull ? 'disk' : this.#outOfRoom ? 'capacity' : undefined;
  }

  #set(outOfRoom: boolean, diskFull: boolean): void {
    const before = this.#full;
    this.#outOfRoom = outOfRoom;
    this.#diskFull = diskFull;
    if (this.#full !== before) this.#options.onChange(this.#full);
  }
}
