/** Users of devices that are mute without consent: index and consent code, encrypted, durable at once. */
import type { DatabaseSync } from 'node:sqlite';
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts';
import { Fault } from '../protocol/fault.ts';
import type { Assignments } from './assignments.ts';
import { transact } from './database.ts';
import type { DeviceUser } from './radio/user-consent.ts';
import type { KeptUsers } from './radio-mirror.ts';
import { createRowCipher } from './storage-cipher.ts';

export interface DeviceUsersOptions {
  readonly db: DatabaseSync;
  readonly storageKey: Uint8Array;
  /** This start of the agent, 16 octets. */
  readonly boot: Uint8Array;
}

export function openDeviceUsers({ db, storageKey, boot }: DeviceUsersOptions): KeptUsers {
  const select = db.prepare('SELECT row, device, boot, body FROM device_users ORDER BY row');
  const last = db.prepare("SELECT coalesce(max(seq), 0) AS row FROM sqlite_sequence WHERE name = 'device_users'");
  const insert = db.prepare('INSERT INTO device_users (row, device, boot, body) VALUES (?, ?, ?, ?)');
  const cipher = createRowCipher(storageKey, boot, 'device users');
  function all(): (readonly [string, DeviceUser])[] {
    const rows = select.all() as { row: number; device: string; boot: Uint8Array; body: Uint8Array }[];
    return rows.map(({ row, device, boot: of, body }) => {
      const plain = createRowCipher(storageKey, of, 'device users').decrypt(row, body);
      return [device, readUser(plain)] as const;
    });
  }
  return {
    all,
    of: (device) => all().flatMap(([of, user]) => (of === device ? [user] : [])),
    add(device, { index, code }) {
      const row = (last.get() as { row: number }).row + 1;
      insert.run(row, device, boot, cipher.encrypt(row, encodeCbor([index, code])));
    },
  };
}

function readUser(bytes: Uint8Array): DeviceUser {
  const [index, code] = decodeCbor(bytes) as readonly unknown[];
  if (typeof index !== 'number' || typeof code !== 'number') throw new Fault('inconsistent', 'not a user of a device');
  return { index, code };
}

/**
 * A user whom the agent registers on a device is the patient's whose device it is: nobody else asked for one. `orFail` runs
 * what must not fail.
 */
export function ownedUsers(
  users: KeptUsers,
  db: DatabaseSync,
  assignments: () => Assignments,
  orFail: (work: () => void) => void,
): KeptUsers {
  return {
    ...users,
    add: (device, user) =>
      orFail(() => {
        const owner = assignments().devices.get(device);
        transact(db, () => {
          users.add(device, user);
          if (owner) assignments().claim({ type: 'claim', ...owner, userIndex: user.index });
        });
        assignments().refresh();
      }),
  };
}
