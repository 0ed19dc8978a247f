/** A&D Medical: cuffs, scale and thermometer. What they do is cited in protocol/devices/a-and-d.ts. */
import type { WallClock } from '../../../protocol/time.ts';
import type { DeviceClock } from '../device-clock.ts';
import { createScale, type Scale } from '../scale.ts';
import { createThermometer, type Thermometer } from '../thermometer.ts';
import { BacklogCuff } from './backlog-cuff.ts';
import type { FamilyIdentity } from './identity.ts';

/** They are bonded before anybody looks what they offer, or they switch themselves off. */
const SECURITY = { powersOffWhenDiscoveredUnpaired: true } as const;

export interface AndDCuffOptions extends FamilyIdentity {
  /** Date Time in the measurement service. */
  readonly clock: DeviceClock;
  readonly lingerMs?: number;
}

/** UA-651BLE. */
export function createAndDCuff({ clock, ...identity }: AndDCuffOptions): BacklogCuff {
  return new BacklogCuff({
    name: 'A&D_UA-651BLE HTEST',
    security: SECURITY,
    needs: 'encryption',
    ...identity,
    clock: { as: 'date-time-in-service', clock },
  });
}

/** A measurement that failed: NaN throughout, with time, pulse and status (flags 0x16). */
export function keepFailed(cuff: BacklogCuff, at: WallClock): void {
  cuff.keep({ systolic: 'NaN', diastolic: 'NaN', map: 'NaN', pulse: 'NaN', at, status: 0 });
}

/** UB-1100BLE: its bonded link is gone as soon as somebody has subscribed, the first `drops` times. */
export function createAndDWristCuff({ drops, ...options }: AndDCuffOptions & { readonly drops: number }): BacklogCuff {
  const cuff = createAndDCuff({ name: 'UB-1100BLE HTEST', ...options });
  let left = drops;
  cuff.on('subscribe', (_handle, on) => {
    if (on && left-- > 0) cuff.disconnect();
  });
  return cuff;
}

export function createAndDScale(identity: FamilyIdentity): Scale {
  return createScale({ name: 'A&D_UC-352BLE HTEST', security: SECURITY, needs: 'encryption', ...identity });
}

export function createAndDThermometer(identity: FamilyIdentity): Thermometer {
  return createThermometer({ name: 'A&D_UT-201BLE HTEST', security: SECURITY, needs: 'encryption', ...identity });
}
