/** Omron blood pressure monitors. What they do is cited in protocol/devices/omron.ts. */
import { createECDH } from 'node:crypto';
import { wallClockToInstant } from '../../../protocol/time.ts';
import type { ServiceDeclaration } from '../../hci/gatt-database.ts';
import { VirtualPeripheral } from '../../hci/virtual-peripheral.ts';
import { DATA_FIELD_IGNORED, type DeviceClock } from '../device-clock.ts';
import { checkName } from '../device-services.ts';
import { BacklogCuff, BLOOD_PRESSURE } from './backlog-cuff.ts';
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

const KEYS_SERVICE = 0xfe4a;
/** Where keys are agreed. */
export const OMRON_KEYS = 'b305b680-aee7-11e1-a730-0002a5d5c51b';
/** 70 01, salt, challenge, then both coordinates of a point on P-256 [HO #130]. */
const EXCHANGE = { head: [0x70, 0x01], salt: 7, challenge: 16, point: 64 } as const;
const EXCHANGE_LENGTH = EXCHANGE.head.length + EXCHANGE.salt + EXCHANGE.challenge + EXCHANGE.point;
const EXCHANGED = [0xf0, 0x81] as const;
/** What it says to anything else, as seen of one [HO #101]. */
const REJECTED = Uint8Array.of(0xff, 0x26);
const UNCOMPRESSED = 0x04;
/** ATT: Insufficient Authorization. */
const NOT_AUTHORIZED = 0x08;
/** ATT Write Request. */
const WRITE = 0x12;

/**
 * A newer one: it advertises Blood Pressure, bonds, and shows its battery, but lets nobody hear a measurement before keys
 * were agreed by its maker's service (ECDH on P-256), above and beside those of the bond. The proof of those keys and the
 * encrypted records that follow on a real one are not made up here.
 */
export class OmronKeyedCuff extends BacklogCuff {
  /** Everything that was written to its maker's service. */
  readonly written: Uint8Array[] = [];
  #shared: Uint8Array | undefined;

  constructor(identity: FamilyIdentity) {
    super({
      name: NAME,
      security: SECURITY,
      needs: 'encryption',
      ...identity,
      vendor: keysService((v) => this.#take(v)),
    });
    const configuration = this.database.handleOf(BLOOD_PRESSURE) + 1;
    this.misbehave = ([opcode, low = 0, high = 0]) =>
      opcode === WRITE && (low | (high << 8)) === configuration && !this.#shared
        ? { error: NOT_AUTHORIZED }
        : undefined;
    this.on('disconnect', () => {
      this.#shared = undefined;
    });
  }

  /** What was agreed on this link; undefined before. */
  get shared(): Uint8Array | undefined {
    return this.#shared;
  }

  #take(value: Uint8Array): undefined {
    this.written.push(value);
    // After the response to the write.
    queueMicrotask(() => void this.send(OMRON_KEYS, this.#exchange(value)));
    return undefined;
  }

  #exchange(value: Uint8Array): Uint8Array {
    const isExchange = value.length === EXCHANGE_LENGTH && EXCHANGE.head.every((octet, i) => value[i] === octet);
    if (!isExchange) return REJECTED;
    const own = createECDH('prime256v1');
    const point = own.generateKeys().subarray(1);
    try {
      this.#shared = own.computeSecret(Uint8Array.of(UNCOMPRESSED, ...value.subarray(-EXCHANGE.point)));
    } catch {
      return REJECTED;
    }
    return Uint8Array.of(...EXCHANGED, ...point);
  }
}

export function createOmronKeyedCuff(identity: FamilyIdentity): OmronKeyedCuff {
  return new OmronKeyedCuff(identity);
}

/** In the clear: the keys of the bond have no part in it [HO #101]. */
function keysService(onWrite: (value: Uint8Array) => undefined): ServiceDeclaration {
  return {
    uuid: KEYS_SERVICE,
    characteristics: [{ uuid: OMRON_KEYS, properties: ['write', 'notify'], secure: false, onWrite }],
  };
}
