/** Oximeters that speak the standard. Cited in protocol/devices/nonin.ts. */
import { createOximeter, type Oximeter } from '../oximeter.ts';
import type { FamilyIdentity } from './identity.ts';

/** Nonin 3230: continuous values and spot-checks. */
export function createNoninOximeter(identity: FamilyIdentity): Oximeter {
  return createOximeter({ name: 'Nonin3230_HTEST', ...identity });
}
