/** Omron blood pressure monitors. What they do is cited in protocol/devices/omron.ts. */
import { wallClockToInstant } from '../../../protocol/time.ts';
import { VirtualPeripheral } from '../../hci/virtual-peripheral.ts';
import { DATA_FIELD_IGNORED, type DeviceClock } from '../device-clock.ts';
import { checkName } from '../device-services.ts';
import { BacklogCuff } from './backlog-cuff.ts';
import type { FamilyIdentity } from './identity.ts';

/** Its clock takes no correction that is smaller. */
const COARSE_MS = 10 * 60_000;
const NAME = 'BLESmart_HTEST';
const SECURITY = { keepsSubscriptions: true, unsubscribingDestroysBond: true } as const;

export interface OmronCuffOptions extends FamilyIdentity {
  readonly clock: DeviceClock;
  readonly lingerMs?: number;
}

/**
 * It lets its clock be set only after it has sent everything, and only where it is far off; otherwise it answers with ATT
 * error 0x80. A subscription that is ended costs it its bond.
 */
export function createOmronCuff({ clock, ...identity }: OmronCuffOptions): BacklogCuff {
  const isFarOff = (shown: string) => {
    const now = clock.wallClock();
    return now === undefined || Math.abs(wallClockToInstant(shown, 0) - wallClockToInstant(now, 0)) > COARSE_MS;
  };
  const strict: DeviceClock = {
    ...clock,
    write(shown) {
      const isWelcome = cuff.bursts > 0 && isFarOff(shown);
      return isWelcome ? clock.write(shown) : DATA_FIELD_IGNORED;
    },
  };
  const cuff: BacklogCuff = new BacklogCuff({
    name: NAME,
    security: SECURITY,
    needs: 'encryption',
    ...identity,
    clock: { as: 'current-time', clock: strict },
  });
  return cuff;
}

/** On the air only from `press()`, which is a measurement or its button, until it has hung up. */
export function makeBrief(cuff: BacklogCuff): { press(): void } {
  cuff.stopAdvertising();
  cuff.on('disconnect', () => cuff.stopAdvertising());
  return { press: () => cuff.startAdvertising() };
}

/** One that advertises Blood Pressure, though its data comes by a service of its maker. */
export function createOmronVendorCuff({ address, name = NAME }: FamilyIdentity): VirtualPeripheral {
  return new VirtualPeripheral({
    address,
    name: checkName(name),
    advertises: [0x1810],
    services: [
      {
        uuid: '49123040-aee8-11e1-a74d-0002a5d5c51b',
        characteristics: [{ uuid: '49123041-aee8-11e1-a74d-0002a5d5c51b', properties: ['notify'] }],
      },
    ],
  });
}
