/** Whose a measurement is, by the patient of its device and by those who have claimed users of it. Never guessed. */
import type { MeasuredVital } from '../protocol/gatt/measured-vital.ts';
import type { ReadingLeaf } from '../protocol/leaf.ts';
import { MDC } from '../protocol/vital-signs.ts';
import type { Mark } from './doubles.ts';
import type { AssignedDevice, DeviceUser } from './observe.ts';

/** A reading and what it is recognized by. */
export interface MarkedLeaf {
  readonly leaf: ReadingLeaf;
  readonly mark: Mark;
}

/** Number under which the measurements of a shared device wait that do not say whose they are. */
export const UNKNOWN_USER = 255;

/** Subjects of all who may be behind a device. */
export function patientsOf({ subject, users }: AssignedDevice): Uint8Array[] {
  return [subject, ...[...(users?.values() ?? [])].map((user) => user.subject)];
}

/**
 * Whose it is; undefined where it is nobody's yet: a number that nobody has claimed, or, on a device of which somebody
 * claimed one, no number at all. Its battery is nobody's but the device's, and so its patient's.
 */
export function whoseIs(
  assigned: AssignedDevice,
  { vital, userIndex: user }: Pick<MeasuredVital, 'vital' | 'userIndex'>,
): DeviceUser | undefined {
  const { users } = assigned;
  if (vital === MDC.battery) return assigned;
  if (user !== undefined) return users?.get(user);
  return users && users.size > 0 ? users.get(UNKNOWN_USER) : assigned;
}
