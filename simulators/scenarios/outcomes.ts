/**
 * What becomes of each measurement. One is delivered when all of its octets have reached the host, exactly, and, where
 * the wearable keeps it, the wearable knows so.
 */
import type { Keeping } from './kinds.ts';
import type { RawValue, Why } from './truth.ts';

export interface Expected {
  readonly n: number;
  readonly device: string;
  readonly keeps: Keeping;
  /** The values that carry it, and others that can stand for them, such as those of a stored record. */
  readonly ways: readonly (readonly RawValue[])[];
}

/** Measurements of one device. */
export interface Counts {
  readonly measured: number;
  readonly delivered: number;
  readonly unheard: number;
  readonly lost: number;
  readonly kept: number;
  readonly abandoned: number;
}

interface Open extends Expected {
  /** By key. */
  readonly arrived: Set<string>;
  readonly sent: Set<string>;
  readonly settle: () => void;
}

type Settled = (n: number, why: Why | undefined) => void;

/** After so many later ones of its device a live value that was taken for sent is not merely late. */
const LATEST = 256;

const keyOf = ({ characteristic, hex }: RawValue) => `${characteristic} ${hex}`;

export class Outcomes {
  readonly #onSettled: Settled;
  /** By device, then by measurement. */
  readonly #open = new Map<string, Map<number, Open>>();
  readonly #counts = new Map<string, { -readonly [K in keyof Counts]: number }>();

  constructor(onSettled: Settled) {
    this.#onSettled = onSettled;
  }

  /** Resolves when it is known what became of it. */
  expect(expected: Expected): Promise<void> {
    this.#countsOf(expected.device).measured++;
    return new Promise((settle) => {
      const open = this.#openOf(expected.device);
      const [oldest] = open.values();
      if (oldest?.keeps === 'live' && open.size > LATEST) this.#close(oldest, 'lost');
      open.set(expected.n, { ...expected, arrived: new Set(), sent: new Set(), settle });
    });
  }

  /** A value has reached the host. */
  arrived(device: string, value: RawValue): void {
    this.#note(device, keyOf(value), 'arrived');
  }

  /** The device takes a value for sent. */
  sent(device: string, value: RawValue): void {
    this.#note(device, keyOf(value), 'sent');
  }

  /** What is live and was not sent by now is gone. */
  passed(device: string, n: number): void {
    const open = this.#openOf(device).get(n);
    if (open && !isWhole(open, open.sent)) this.#close(open, 'unheard');
  }

  /** A broadcast that was replaced. */
  replaced(device: string): void {
    for (const open of [...this.#openOf(device).values()]) this.#close(open, 'unheard');
  }

  /** How many wait that their devices keep. */
  get kept(): number {
    let kept = 0;
    for (const list of this.#open.values()) {
      for (const open of list.values()) if (open.keeps === 'stored' && !isWhole(open, open.sent)) kept++;
    }
    return kept;
  }

  /** Nothing more will come. */
  end(why: 'ended' | 'stopped'): void {
    for (const list of this.#open.values()) {
      for (const open of [...list.values()]) {
        const sent = isWhole(open, open.sent);
        this.#close(
          open,
          why === 'stopped' ? 'abandoned' : sent ? 'lost' : open.keeps === 'stored' ? 'kept' : 'unheard',
        );
      }
    }
  }

  get byDevice(): Readonly<Record<string, Counts>> {
    return Object.fromEntries(this.#counts);
  }

  #note(device: string, key: string, what: 'arrived' | 'sent'): void {
    // The newest first: of two that are the same, it is the older that was lost.
    const open = [...this.#openOf(device).values()]
      .reverse()
      .find((one) => !one[what].has(key) && one.ways.some((way) => way.some((value) => keyOf(value) === key)));
    if (!open) return;
    open[what].add(key);
    const confirmed = open.keeps !== 'stored' || isWhole(open, open.sent);
    if (confirmed && isWhole(open, open.arrived)) this.#close(open, undefined);
  }

  #close(open: Open, why: Why | undefined): void {
    this.#openOf(open.device).delete(open.n);
    this.#countsOf(open.device)[why ?? 'delivered']++;
    this.#onSettled(open.n, why);
    open.settle();
  }

  #openOf(device: string): Map<number, Open> {
    const open = this.#open.get(device) ?? new Map<number, Open>();
    this.#open.set(device, open);
    return open;
  }

  #countsOf(device: string) {
    const none = { measured: 0, delivered: 0, unheard: 0, lost: 0, kept: 0, abandoned: 0 };
    const counts = this.#counts.get(device) ?? none;
    this.#counts.set(device, counts);
    return counts;
  }
}

function isWhole({ ways }: Open, keys: ReadonlySet<string>): boolean {
  return ways.some((way) => way.every((value) => keys.has(keyOf(value))));
}
