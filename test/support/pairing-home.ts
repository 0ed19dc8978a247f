/** A home whose agent was enrolled by a patient's one-time code, with a thermometer near it that is nobody's yet. */
import { addressOf } from '../../simulators/addresses.ts';
import { createThermometer, type Thermometer } from '../../simulators/devices/thermometer.ts';
import { createSimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { openVirtualTransport } from '../../simulators/hci/virtual-transport.ts';
import type { Home } from '../../simulators/world.ts';
import { STARTED_AT, type TestWorld } from './test-world.ts';

const LE_CREATE_CONNECTION = 0x200d; // Core 5.2 Vol 4 Part E §7.8.12

export interface PairingHome {
  readonly agent: Home;
  readonly controller: VirtualController;
  readonly thermometer: Thermometer;
  /** Links that the agent asked for. */
  connections(): number;
  /** Takes a measurement, which waits until somebody listens. */
  measure(celsius: number): Promise<boolean>;
  /** All that was heard is filed and in a signed checkpoint. */
  settle(): Promise<void>;
}

export async function openPairingHome(world: TestWorld, code: string, name = 'home'): Promise<PairingHome> {
  const clock = createSimClock(STARTED_AT);
  const controller = new VirtualController({ clock, advertisingIntervalMs: 10 });
  const thermometer = controller.add(
    createThermometer({ address: addressOf(`${name} unpaired`), name: 'HTEST thermometer', serial: 'HTEST-1' }),
  );
  const agent = await world.startHome({
    name,
    transport: openVirtualTransport(controller),
    zoneOf: () => 0,
    assignments: [],
    code,
    batch: { maxLeaves: 500, maxAgeMs: 20 },
  });
  return {
    agent,
    controller,
    thermometer,
    connections: () => controller.commandsSeen.get(LE_CREATE_CONNECTION) ?? 0,
    measure(celsius) {
      clock.set(clock.now() + 1000);
      return thermometer.measure({ temperature: { mantissa: Math.round(celsius * 10), exponent: -1 } });
    },
    async settle() {
      let settled = false;
      const done = agent.settled().then(() => {
        settled = true;
      });
      while (!settled) {
        await world.settle();
        await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 20))]);
      }
    },
  };
}
