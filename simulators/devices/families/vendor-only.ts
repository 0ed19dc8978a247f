/** Devices that speak to the app of their maker only. Cited in protocol/devices/vendor-glucose.ts and vendor-oximeters.ts. */
import { VirtualPeripheral } from '../../hci/virtual-peripheral.ts';
import { checkName } from '../device-services.ts';
import type { FamilyIdentity } from './identity.ts';

/** By profile: the name under which one of the family is on the air. */
export const VENDOR_ONLY_NAMES = {
  'one-touch-meter': 'OneTouch HTEST',
  'dexcom-sensor': 'DexcomHTEST',
  'libre-sensor': 'ABBOTT HTEST',
  'medtronic-sensor': 'Guardian HTEST',
  'vendor-oximeter': 'O2Ring HTEST',
} as const;

/** Insulin Delivery, which Medtronic's devices imitate. */
const INSULIN_DELIVERY = 0x183a;
/** Made up: what stands in the place of a maker's private service here. */
const PRIVATE_SERVICE = '0000f7a1-0000-4000-8000-000000000000';
const PRIVATE_VALUE = '0000f7a2-0000-4000-8000-000000000000';

export interface VendorOnlyOptions extends FamilyIdentity {
  readonly family: keyof typeof VENDOR_ONLY_NAMES;
}

export function createVendorOnlyDevice({ family, address, name }: VendorOnlyOptions): VirtualPeripheral {
  const service = family === 'medtronic-sensor' ? INSULIN_DELIVERY : PRIVATE_SERVICE;
  return new VirtualPeripheral({
    address,
    name: checkName(name ?? VENDOR_ONLY_NAMES[family]),
    advertises: typeof service === 'number' ? [service] : [],
    services: [
      { uuid: service, characteristics: [{ uuid: PRIVATE_VALUE, properties: ['notify', 'write'], secure: true }] },
    ],
  });
}
