/** Thermometers that go on advertising after they have sent everything. Cited in protocol/devices/philips.ts. */
import { createThermometer, type Thermometer } from '../thermometer.ts';
import type { FamilyIdentity } from './identity.ts';

export function createPhilipsThermometer(identity: FamilyIdentity): Thermometer {
  return createThermometer({ name: 'Philips ear HTEST', ...identity });
}
