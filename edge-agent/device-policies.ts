/** How a device is treated by what it advertises: the policies of its family (protocol/devices/). */
import { profileOf } from '../protocol/devices/device-profile.ts';
import type { DeviceProfile } from '../protocol/devices/policies.ts';
import type { Advertised } from './radio/radio-events.ts';

export function policiesOf({ localName, serviceUuids }: Advertised): DeviceProfile {
  return profileOf({ name: localName, services: serviceUuids });
}
