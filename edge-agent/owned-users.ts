/** A user whom the agent registers on a device is the patient's whose device it is: nobody else asked for one. */
import type { DatabaseSync } from 'node:sqlite';
import type { Assignments } from './assignments.ts';
import { transact } from './database.ts';
import type { KeptUsers } from './radio-mirror.ts';

/** `assignments`: asked when a user is added. Both are durable together. */
export function ownUsers(users: KeptUsers, db: DatabaseSync, assignments: () => Assignments): KeptUsers {
  return {
    ...users,
    add(device, user) {
      const known = assignments();
      const owner = known.devices.get(device);
      transact(db, () => {
        users.add(device, user);
        if (owner) known.claim({ type: 'claim', ...owner, userIndex: user.index });
      });
      known.refresh();
    },
  };
}
