/**
 * What the agent keeps for the radio, as the radio's process sees it: a copy that it was given at its start, whose changes
 * it tells. They arrive in the order in which they were told, after the values that they speak of.
 */
import { encodeHex } from '../protocol/bytes.ts';
import { type Bond, type BondStore, keepBonds } from './radio/bond-store.ts';
import type { CursorKey, RecordCursors } from './radio/record-progress.ts';
import type { DeviceUser, DeviceUsers } from './radio/user-consent.ts';

export interface RememberedCursor {
  readonly key: CursorKey;
  readonly number: number;
}

/** Cursors that can be handed to another process. */
export interface KeptCursors extends RecordCursors {
  all(): readonly RememberedCursor[];
}

/** Cursors of records; `tell` hands a change to the agent. */
export function mirrorCursors(
  remembered: readonly RememberedCursor[],
  tell: (key: CursorKey, number: number | undefined) => void,
): RecordCursors {
  const cursors = new Map(remembered.map((one) => [placeOf(one.key), one]));
  return {
    read(key) {
      const found = cursors.get(placeOf(key));
      return found && sessionOf(found.key) === sessionOf(key) ? found.number : undefined;
    },
    write(key, number) {
      if (number === undefined) cursors.delete(placeOf(key));
      else cursors.set(placeOf(key), { key, number });
      tell(key, number);
    },
  };
}

function placeOf({ device, service }: CursorKey): string {
  return `${device} ${service}`;
}

function sessionOf({ session }: CursorKey): string {
  return session ? encodeHex(session) : '';
}

export type RememberedUser = readonly [device: string, user: DeviceUser];

/** Users that can be handed to another process. */
export interface KeptUsers extends DeviceUsers {
  all(): readonly RememberedUser[];
}

/** Users of devices; `tell` hands a new one to the agent. */
export function mirrorUsers(
  remembered: readonly RememberedUser[],
  tell: (...added: RememberedUser) => void,
): DeviceUsers {
  const users = [...remembered];
  return {
    of: (device) => users.flatMap(([of, user]) => (of === device ? [user] : [])),
    add(device, user) {
      users.push([device, user]);
      tell(device, user);
    },
  };
}

/** Keys of bonded devices; changes are told by name. A bond counts here at once, and is durable when the agent has it. */
export function mirrorBonds(
  remembered: readonly Bond[],
  agent: { tell(name: 'bondPut' | 'bondRemoved', ...args: unknown[]): void },
): BondStore {
  const bonds = new Map(remembered.map((bond) => [bond.device, bond]));
  return keepBonds(bonds, {
    put: (bond) => agent.tell('bondPut', bond),
    remove: (device) => agent.tell('bondRemoved', device),
  });
}
