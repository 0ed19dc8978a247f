/**
 * What is nobody's yet, from being held to being somebody's: when a patient claims a user of a device, what waited goes
 * on as that patient's, as if it had been heard so. The service hears how many wait, and nothing else.
 */
import type { KeyObject } from 'node:crypto';
import { encodeHex } from '../protocol/bytes.ts';
import type { HeldUser } from '../protocol/report.ts';
import { markOf } from './doubles.ts';
import type { Held } from './held.ts';
import type { AssignedDevice } from './observe.ts';
import type { MarkedLeaf } from './owners.ts';
import type { Pending } from './pending.ts';

export interface UnclaimedOptions {
  readonly held: Held;
  readonly devices: ReadonlyMap<string, AssignedDevice>;
  readonly isPermitted: (subject: Uint8Array) => boolean;
  readonly pending: Pending;
  readonly doublesKey: KeyObject;
  readonly report: (users: readonly HeldUser[]) => void;
  /** What the device of an address calls itself. */
  readonly nameOf: (address: string) => string | undefined;
}

/** Real milliseconds in which what comes is told as one: a device may hand over hundreds of records. */
const TELL_MS = 200;

export class Unclaimed {
  readonly #options: UnclaimedOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UnclaimedOptions) {
    this.#options = options;
  }

  /** Durable when it returns. */
  hold(assigned: AssignedDevice, user: number, readings: readonly MarkedLeaf[]): void {
    this.#options.held.hold(assigned.device, user, readings);
    this.#timer ??= setTimeout(() => this.tell(), TELL_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /**
   * Lets go what has been claimed by somebody who consents to collect. After a crash in between it is done again, and
   * what was heard is known by its mark.
   */
  async release(): Promise<void> {
    const { held, devices, isPermitted, pending, doublesKey } = this.#options;
    let released = 0;
    for (const { device: ownDevice, users } of [...devices.values()]) {
      for (const [index, whose] of users ?? []) {
        if (!isPermitted(whose.subject)) continue;
        const readings = held.of(ownDevice, index);
        const last = readings.at(-1);
        if (!last) continue;
        const leaves = readings.map(({ leaf }) => ({ ...leaf, subject: whose.subject, device: whose.device }));
        await pending.append(leaves.map((leaf) => ({ leaf, mark: markOf(leaf, doublesKey) })));
        // Durable line: they are the claimant's.
        held.forget(ownDevice, index, last.row);
        released++;
      }
    }
    if (released > 0) this.tell();
  }

  /** Says how many wait; also on every connection, since reports are not kept anywhere. */
  tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { held, devices, nameOf, report } = this.#options;
    const byHandle = new Map([...devices.values()].map((assigned) => [encodeHex(assigned.device), assigned]));
    report(
      held.counts().flatMap(({ device, user, count }) => {
        const assigned = byHandle.get(encodeHex(device));
        if (!assigned) return [];
        const { address, addressType } = assigned;
        const name = nameOf(address);
        return [{ address, addressType, userIndex: user, count, ...(name !== undefined && { name }) }];
      }),
    );
  }
}
