/** What the auditor says: named checks, each with an outcome and the reasons for it. No value, name or address in any. */

/** In the order of the report. */
export const CHECKS = [
  'no loss',
  'no duplicate',
  'nothing invented',
  'anchored once',
  'consent in force',
  'receipts true',
  'order kept',
  'disclosures complete',
  'nothing personal',
  'log consistent',
] as const;
export type CheckName = (typeof CHECKS)[number];

/** `unknown`: it cannot be decided now; `not checked`: there was nothing to check it with. */
export type Outcome = 'holds' | 'fails' | 'unknown' | 'not checked';

export interface CheckResult {
  readonly check: CheckName;
  readonly outcome: Outcome;
  /** How many things were looked at. */
  readonly looked: number;
  /** How many things are wrong, and how many cannot be told. */
  readonly wrong: number;
  readonly open: number;
  /** The first of both, in words; batches, readings and entries by id or number. */
  readonly says: readonly string[];
}

const MOST_REASONS = 20;

/** Collects what one check finds. */
export class Check {
  readonly name: CheckName;
  #looked = 0;
  #wrong = 0;
  #open = 0;
  #notChecked: string | undefined;
  readonly #says: string[] = [];

  constructor(name: CheckName) {
    this.name = name;
  }

  looked(count = 1): void {
    this.#looked += count;
  }

  wrong(says: string): void {
    this.#wrong++;
    this.#say(says);
  }

  /** It may be wrong or not; more has to happen before it can be told. */
  open(says: string, count = 1): void {
    this.#open += count;
    this.#say(says);
  }

  notChecked(why: string): void {
    this.#notChecked = why;
  }

  result(): CheckResult {
    const isEmpty = this.#wrong === 0 && this.#open === 0 && this.#notChecked !== undefined;
    return {
      check: this.name,
      outcome: isEmpty ? 'not checked' : this.#wrong > 0 ? 'fails' : this.#open > 0 ? 'unknown' : 'holds',
      looked: this.#looked,
      wrong: this.#wrong,
      open: this.#open,
      says: isEmpty ? [this.#notChecked!] : this.#says,
    };
  }

  #say(says: string): void {
    if (this.#says.length < MOST_REASONS) this.#says.push(says);
  }
}
