/** Faults of what devices send: notifications late, doubled, reordered and lost, values malformed, packets slow. */
import type { Random } from '../random.ts';
import { INDICATION, NOTIFICATION, READ, READ_BLOB } from './att-codes.ts';
import type { Fault } from './fault-kinds.ts';
import { CID_ATT } from './hci-packets.ts';
import type { Interception, LinkEnd, Payload } from './interception.ts';

type Of<K extends Fault['kind']> = Extract<Fault, { kind: K }>;

/** An interception, and what it does with what it still holds when it is taken out. */
export interface Holding {
  readonly interception: Interception;
  readonly flush?: () => void;
}

interface Held {
  readonly link: LinkEnd;
  readonly payload: Payload;
  readonly pass: (payload: Payload) => void;
  /** How many later ones it still lets by. */
  left: number;
}

function opcodeOf({ cid, octets }: Payload): number | undefined {
  return cid === CID_ATT ? octets[0] : undefined;
}

const isNotification = (payload: Payload) => opcodeOf(payload) === NOTIFICATION;

/** Held as far as the device knows it is sent. */
function hold({ delivered, ...payload }: Payload): Payload {
  delivered?.(true);
  return payload;
}

/** Holds those that are struck until `by` later ones have come on the same link; asked with how many are held there. */
function holdBack(by: number, strikes: (held: number) => boolean): Holding {
  let held: Held[] = [];
  const release = (due: (one: Held) => boolean) => {
    const free = held.filter(due);
    held = held.filter((one) => !due(one));
    for (const { pass, payload } of free) pass(payload);
  };
  return {
    interception: {
      fromDevice(payload, pass, link) {
        if (!isNotification(payload)) {
          pass(payload);
          return;
        }
        const before = held.filter((one) => one.link === link);
        if (strikes(before.length)) held.push({ link, payload: hold(payload), pass, left: by });
        else pass(payload);
        for (const one of before) one.left--;
        release((one) => one.left <= 0);
      },
    },
    flush: () => release(() => true),
  };
}

export function lateNotifications({ by = 1 }: Of<'late-notifications'>): Holding {
  return holdBack(by, () => true);
}

export function reorderedNotifications({ probability = 1 }: Of<'reordered-notifications'>, random: Random): Holding {
  // The one behind a held one is let by, or they would only be late.
  return holdBack(1, (held) => held === 0 && random() < probability);
}

export function doubledNotifications({ probability = 1 }: Of<'doubled-notifications'>, random: Random): Holding {
  return {
    interception: {
      fromDevice(payload, pass) {
        pass(payload);
        if (isNotification(payload) && random() < probability) pass({ ...payload, delivered: undefined });
      },
    },
  };
}

export function lostNotifications({ probability = 1 }: Of<'lost-notifications'>, random: Random): Holding {
  return {
    interception: {
      fromDevice(payload, pass) {
        if (isNotification(payload) && random() < probability) payload.delivered?.(true);
        else pass(payload);
      },
    },
  };
}

/** Octets before the value, by opcode. */
const VALUE_AT: ReadonlyMap<number | undefined, number> = new Map([
  [NOTIFICATION, 3],
  [INDICATION, 3],
]);
const READ_VALUE_AT: ReadonlyMap<number | undefined, number> = new Map([
  [READ + 1, 1],
  [READ_BLOB + 1, 1],
]);

export function malformedValues(fault: Of<'malformed-values'>, random: Random): Holding {
  const { how, reads = false, probability = 1 } = fault;
  return {
    interception: {
      fromDevice(payload, pass) {
        const opcode = opcodeOf(payload);
        const at = VALUE_AT.get(opcode) ?? (reads ? READ_VALUE_AT.get(opcode) : undefined);
        if (at === undefined || random() >= probability) {
          pass(payload);
          return;
        }
        const value = spoil(payload.octets.subarray(at), how, random);
        pass({ ...payload, octets: Buffer.concat([payload.octets.subarray(0, at), value]) });
      },
    },
  };
}

function spoil(value: Uint8Array, how: Of<'malformed-values'>['how'], random: Random): Uint8Array {
  const octets = (length: number) => Uint8Array.from({ length }, () => Math.floor(random() * 256));
  switch (how) {
    case 'truncated':
      return value.subarray(0, Math.floor(random() * value.length));
    case 'trailing':
      return Uint8Array.of(...value, ...octets(1 + Math.floor(random() * 3)));
    case 'random':
      return octets(value.length);
  }
}

/** All payloads of devices, each so many turns late, and none before an earlier one. */
export function latency({ turns }: Of<'latency'>): Holding {
  let last: Promise<void> = Promise.resolve();
  return {
    interception: {
      fromDevice(payload, pass) {
        last = last.then(async () => {
          for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
          pass(payload);
        });
      },
    },
  };
}
