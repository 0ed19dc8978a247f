/** The agent's radio over the faults that a scenario can name: what it hears in spite of them, and after them. */
import { afterEach, describe, expect, it } from 'vitest';
import { createHeartStrap, type HeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { createOximeter } from '../../../simulators/devices/oximeter.ts';
import type { Fault } from '../../../simulators/hci/fault-kinds.ts';
import { applyFault } from '../../../simulators/hci/faults.ts';
import { createRandom } from '../../../simulators/random.ts';
import { openRadioWorld, type RadioWorld, type RadioWorldOptions, until } from '../../support/radio-world.ts';

describe('the radio hears a device', () => {
  let world: RadioWorld;
  let strap: HeartStrap;
  afterEach(() => world?.close());

  /** A strap with faults from the first moment on. */
  async function open(faults: readonly Fault[], options: RadioWorldOptions = {}) {
    strap = createHeartStrap({ address: 'F0:00:00:00:00:01', name: 'HTEST strap', serial: 'S-1' });
    const undo: (() => void)[] = [];
    world = await openRadioWorld({
      ...options,
      setUp(controller) {
        controller.add(strap);
        for (const fault of faults) undo.push(applyFault(fault, { controller, device: strap }, createRandom(3)));
      },
    });
    return () => {
      for (const back of undo) back();
    };
  }
  const apply = (fault: Fault) => applyFault(fault, { controller: world.controller, device: strap }, createRandom(3));
  const rates = () => world.heard(0x2a37).map(({ value }) => value[1]);
  const subscribed = () => until(() => strap.connected && world.links.at(-1)?.state === 'subscribed', 20_000);
  /** A beat that is heard, however often it has to be tried. */
  async function hear(heartRate: number) {
    await subscribed();
    while (!(await strap.beat({ heartRate }))) await strap.whenHeard();
    await until(() => rates().includes(heartRate));
  }

  it.each<Fault>([
    { kind: 'establishment-failure', times: 3 },
    { kind: 'drop-at-packet', packet: 5, times: 2 },
    { kind: 'att-error', code: 0x0e, opcode: 0x0a },
    { kind: 'mtu' },
    { kind: 'fragmentation' },
    { kind: 'latency', turns: 3 },
    { kind: 'credits-exhausted', packets: 2 },
    { kind: 'malformed-values', how: 'random', reads: true, probability: 0.5 },
  ])('in spite of $kind', async (fault) => {
    const undo = await open([fault]);
    await subscribed();
    if (fault.kind === 'malformed-values') undo();
    await hear(61);
  });

  it('in spite of several faults at once', async () => {
    await open([
      { kind: 'establishment-failure' },
      { kind: 'fragmentation' },
      { kind: 'latency', turns: 2 },
      { kind: 'drop-at-packet', packet: 12 },
    ]);
    await hear(62);
  });

  it('when it has refused a subscription and there is another, too', async () => {
    const oximeter = createOximeter({ address: 'F0:00:00:00:00:03', name: 'HTEST oximeter', serial: 'O-1' });
    const refusal: Fault = { kind: 'att-error', code: 0x0e, opcode: 0x12, times: 1 };
    world = await openRadioWorld({
      timings: { subscribeAgainMs: 20 },
      setUp(controller) {
        controller.add(oximeter);
        applyFault(refusal, { controller, device: oximeter }, createRandom(3));
      },
    });
    await until(() => world.links.at(-1)?.state === 'subscribed');
    expect(world.events).toContain('operation-refused');
    const measured = { spo2: { mantissa: 97, exponent: 0 }, pulse: { mantissa: 61, exponent: 0 } };
    await until(() => oximeter.isSubscribed(0x2a5f) && oximeter.isSubscribed(0x2a5e));
    expect(await oximeter.stream(measured)).toBe(true);
    await until(() => world.heard(0x2a5f).length === 1);
    expect(world.devices.map(({ connection }) => connection)).toEqual([1]);
  });

  it('again after it was out of range', async () => {
    await open([]);
    await hear(60);
    const undo = apply({ kind: 'supervision-timeout' });
    await until(() => world.links.at(-1)?.state === 'lost');
    undo();
    await hear(61);
  });

  it('in the order in which its notifications come, all that do', async () => {
    await open([]);
    await hear(60);
    const undo = apply({ kind: 'reordered-notifications' });
    for (const heartRate of [61, 62]) await strap.beat({ heartRate });
    undo();
    const undoDoubled = apply({ kind: 'doubled-notifications' });
    await strap.beat({ heartRate: 63 });
    undoDoubled();
    await until(() => rates().length === 5);
    expect(rates()).toEqual([60, 62, 61, 63, 63]);
  });

  it('and its twin, as another device', async () => {
    await open([]);
    await hear(60);
    apply({ kind: 'spoofed-twin', address: 'f0:00:00:00:00:02' });
    await until(() => world.devices.some(({ id }) => id === 'f0:00:00:00:00:02'));
    await hear(61);
    expect(world.heard(0x2a37).every(({ device }) => device === strap.address)).toBe(true);
  });
});
