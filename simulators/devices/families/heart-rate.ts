/** Heart rate sensors. What they do is cited in protocol/devices/polar.ts and heart-rate-sensors.ts. */
import { encodeCscMeasurement } from '../../../protocol/gatt/speed-cadence.ts';
import type { ServiceDeclaration } from '../../hci/gatt-database.ts';
import { type HeartBeat, HeartStrap } from '../heart-strap.ts';
import { PolarStrap as BroadcastingStrap } from '../polar-strap.ts';
import type { FamilyIdentity } from './identity.ts';

/**
 * It has one link at a time, says on every other one that it is not on the skin, and tells the rate in its advertisement,
 * too.
 */
export class PolarStrap extends BroadcastingStrap {
  #connections = 0;

  constructor(identity: FamilyIdentity) {
    super({ name: 'Polar H10 HTEST', ...identity }, [MEASUREMENTS]);
    this.on('connect', () => this.#connections++);
  }

  /** What it says of contact on the present link. */
  get saysContact(): boolean {
    return this.#connections % 2 === 1;
  }

  override beat(beat: Omit<HeartBeat, 'contact'>): Promise<boolean> {
    this.broadcastRate({ fastBpm: beat.heartRate, slowBpm: beat.heartRate });
    return super.beat({ ...beat, contact: this.saysContact });
  }
}

export function createPolarStrap(identity: FamilyIdentity): PolarStrap {
  return new PolarStrap(identity);
}

/** Of Polar: a control point and the data of what its app measures besides, ECG and acceleration [PL]. */
export const POLAR_MEASUREMENTS = {
  service: 'fb005c80-02e7-f387-1cad-8acd2d8df0c8',
  controlPoint: 'fb005c81-02e7-f387-1cad-8acd2d8df0c8',
  data: 'fb005c82-02e7-f387-1cad-8acd2d8df0c8',
} as const;

const MEASUREMENTS: ServiceDeclaration = {
  uuid: POLAR_MEASUREMENTS.service,
  characteristics: [
    { uuid: POLAR_MEASUREMENTS.controlPoint, properties: ['read', 'write', 'indicate'] },
    { uuid: POLAR_MEASUREMENTS.data, properties: ['notify'] },
  ],
};

/** ATT Write Request: what a host subscribes with. */
const WRITE = 0x12;

/** With firmware 4.0.4: it asks to be paired, and hangs up on a host that subscribes and has not. */
export function createPolarStrapThatWantsPairing(identity: FamilyIdentity): PolarStrap {
  const strap = new PolarStrap({ ...identity, security: { requestsSecurity: true } });
  let isPaired = false;
  strap.on('connect', () => {
    isPaired = false;
  });
  strap.on('encrypted', () => {
    isPaired = true;
  });
  strap.misbehave = (request) => {
    if (request[0] === WRITE && !isPaired) strap.disconnect();
    return undefined;
  };
  return strap;
}

const CSC_MEASUREMENT = 0x2a5b;

export interface XossAdvertisement {
  /** Beats per minute. */
  readonly heartRate: number;
  readonly batteryPercent: number;
}

/**
 * XOSS X2, with cadence beside the heart rate, as others of its kind: its rate and battery stand in its advertisement, too. No document of its maker says how; here as a decoder of
 * advertisements reads it [T]: 04 FF, of the third and fifth octet nothing is known (zero here), the fourth holds the
 * battery in its low seven bits, the sixth the rate.
 */
export class XossStrap extends HeartStrap {
  constructor(identity: FamilyIdentity) {
    const cadence = { uuid: CSC_MEASUREMENT, properties: ['notify'] as const };
    super({ name: 'XOSS X2 HTEST', ...identity }, [{ uuid: 0x1816, characteristics: [cadence] }]);
  }

  /** Advertises them until others come, while nobody is connected. */
  broadcast({ heartRate, batteryPercent }: XossAdvertisement): void {
    this.advertise([
      { kind: 'manufacturer', octets: Uint8Array.of(0x04, 0xff, 0, batteryPercent & 0x7f, 0, heartRate) },
    ]);
  }

  /** Notifies its counter of crank revolutions, and when the last one ended (1/1024 s). False when nobody subscribed. */
  turn(crankRevs: number, crankTime1024: number): Promise<boolean> {
    const wheel = { wheelRevs: null, wheelTime1024: null };
    return this.send(CSC_MEASUREMENT, encodeCscMeasurement({ ...wheel, crankRevs, crankTime1024 }));
  }

  override beat(beat: HeartBeat): Promise<boolean> {
    this.broadcast({ heartRate: beat.heartRate, batteryPercent: this.batteryPercent });
    return super.beat(beat);
  }
}

export function createXossStrap(identity: FamilyIdentity): XossStrap {
  return new XossStrap(identity);
}

/** Straps and bands that speak the standard, by family: the name under which one is on the air. */
export const STANDARD_STRAP_NAMES = {
  tickr: 'TICKR HTEST',
  garmin: 'HRM-HTEST',
  'mi-band': 'Mi Smart Band HTEST',
  amazfit: 'Amazfit HTEST',
} as const;

export function createStandardStrap(family: keyof typeof STANDARD_STRAP_NAMES, identity: FamilyIdentity): HeartStrap {
  return new HeartStrap({ name: STANDARD_STRAP_NAMES[family], ...identity });
}
