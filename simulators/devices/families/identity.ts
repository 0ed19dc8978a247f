/** What tells one device of a family from another; its name says which family it is. */
import type { DeviceOptions } from '../device-services.ts';

export interface FamilyIdentity extends Omit<DeviceOptions, 'name'> {
  /** In the place of the family's usual one. */
  readonly name?: string;
}
