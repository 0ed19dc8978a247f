/** The same seed gives the same bytes: all that a host hears of a strap whose link and values are left to chance. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPerson } from '../../../simulators/body/physiology.ts';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import type { Fault } from '../../../simulators/hci/fault-kinds.ts';
import { applyFault } from '../../../simulators/hci/faults.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { createRandom } from '../../../simulators/random.ts';
import { openHandHost } from '../../support/hand-host.ts';

const STARTED_AT = Date.UTC(2024, 5, 1, 8);
const SECOND_MS = 1000;
const SECONDS = 60;

const BY_CHANCE: readonly Fault[] = [
  { kind: 'doubled-notifications', probability: 0.2 },
  { kind: 'reordered-notifications', probability: 0.2 },
  { kind: 'lost-notifications', probability: 0.2 },
  { kind: 'malformed-values', how: 'random', probability: 0.2 },
  { kind: 'malformed-values', how: 'truncated', probability: 0.2 },
  { kind: 'att-error', code: 0x0e, opcode: 0x0a, probability: 0.3 },
  { kind: 'no-answer', opcode: 0x0a, probability: 0.3 },
];

/** Plays a minute in lock-step and gives the hash of every packet that the controller hands to its host. */
async function play({ person, chance }: { person: number; chance: number }) {
  const clock = createSimClock(STARTED_AT);
  const host = openHandHost({ clock });
  const strap = host.controller.add(
    createHeartStrap({ address: 'f0:00:00:00:00:01', name: 'HTEST strap', serial: 'S-1' }),
  );
  const heard = createHash('sha256');
  let packets = 0;
  try {
    await host.connect(strap.address);
    const value = strap.database.handleOf(0x2a37);
    const configuration = Buffer.from([(value + 1) & 0xff, (value + 1) >> 8]).toString('hex');
    expect(await host.att(`12${configuration}0100`)).toEqual(['13']);

    const random = createRandom(chance);
    const undo = BY_CHANCE.map((fault) => applyFault(fault, { controller: host.controller, device: strap }, random));
    // Last, so it hears what all faults have left.
    host.controller.interceptions.add({
      toHost(packet, pass) {
        heard.update(`${clock.now()} ${packet.toString('hex')}\n`);
        packets++;
        pass(packet);
      },
    });
    const wearer = createPerson(person);
    for (let second = 1; second <= SECONDS; second++) {
      const at = STARTED_AT + second * SECOND_MS;
      clock.set(at);
      await strap.beat({ heartRate: wearer.heartRate(at), rr1024: wearer.rr1024(at - SECOND_MS, at) });
      await host.settled();
      await host.att(`0a${configuration}`);
    }
    for (const takeBack of undo) takeBack();
    await host.settled();
  } finally {
    host.controller.reset();
  }
  return { packets, hash: heard.digest('hex') };
}

describe('a run by a clock that stands still until it is set', () => {
  it('gives a host the same bytes for the same seeds', async () => {
    const first = await play({ person: 7, chance: 7 });
    expect(first.packets).toBeGreaterThan(SECONDS);
    expect(await play({ person: 7, chance: 7 })).toEqual(first);
  });

  it('gives others for another person, and for another chance', async () => {
    const { hash } = await play({ person: 7, chance: 7 });
    expect((await play({ person: 8, chance: 7 })).hash).not.toBe(hash);
    expect((await play({ person: 7, chance: 8 })).hash).not.toBe(hash);
  });
});
