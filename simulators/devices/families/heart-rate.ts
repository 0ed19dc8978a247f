/** Polar heart rate sensors. What they do is cited in protocol/devices/polar.ts. */

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
    super({ name: 'Polar H10 HTEST', ...identity });
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

/** Straps and bands that speak the standard, by family: the name under which one is on the air. */
export const STANDARD_STRAP_NAMES = {
  tickr: 'TICKR HTEST',
  garmin: 'HRM-HTEST',
  xoss: 'XOSS HTEST',
  'mi-band': 'Mi Smart Band HTEST',
  amazfit: 'Amazfit HTEST',
} as const;

export function createStandardStrap(family: keyof typeof STANDARD_STRAP_NAMES, identity: FamilyIdentity): HeartStrap {
  return new HeartStrap({ name: STANDARD_STRAP_NAMES[family], ...identity });
}
