/** The whole road, readings in to signed checkpoint out, once with the agent's radio and once without. */

import { decodeHeartRateMeasurement } from '../protocol/gatt/heart-rate.ts';
import { addressOf } from '../simulators/addresses.ts';
import { createHeartStrap } from '../simulators/devices/heart-strap.ts';
import { createSimClock } from '../simulators/hci/sim-clock.ts';
import { VirtualController } from '../simulators/hci/virtual-controller.ts';
import { openVirtualTransport } from '../simulators/hci/virtual-transport.ts';
import { measureRate, type Rate, type RateOptions } from './rate.ts';
import { openGateway, type Site, STRAP, settle } from './site.ts';
import { createHeartRates, HEART_RATE_MEASUREMENT } from './workload.ts';

export interface RoadOptions extends RateOptions {
  /** Readings in a batch, and heard at once. */
  readonly batch: number;
}

/** Notifications are handed to the agent as many at once as a batch holds, the next when those are durable. */
export async function measureRoad(site: Site, { batch, ...options }: RoadOptions): Promise<Rate> {
  const rates = createHeartRates(1, { rr: true });
  let now = rates.take(1)[0]!.at;
  const gateway = await openGateway(site, { now: () => now, batch });
  try {
    return await measureRate(async (count) => {
      await expectFiled(site, count, async () => {
        for (let heard = 0; heard < count; heard += batch) {
          const beats = rates.take(Math.min(batch, count - heard));
          now = beats.at(-1)!.at;
          await Promise.all(
            beats.map(({ at, ...beat }) =>
              gateway.hear({
                device: STRAP,
                connection: 1,
                characteristic: HEART_RATE_MEASUREMENT,
                heardAt: at,
                ...beat,
              }),
            ),
          );
        }
        await settle(site.world, gateway);
      });
    }, options);
  } finally {
    await gateway.stop();
  }
}

/** The same through a virtual strap, the HCI transport and the unmodified Bluetooth stack, one notification at a time. */
export async function measureRadioRoad(site: Site, { batch, ...options }: RoadOptions): Promise<Rate> {
  const rates = createHeartRates(2, { rr: true });
  const clock = createSimClock(rates.take(1)[0]!.at);
  const controller = new VirtualController({ clock });
  const strap = createHeartStrap({ address: addressOf('bench radio strap'), name: 'HTEST strap', serial: 'HTEST-1' });
  controller.add(strap);
  const agent = await site.world.startHome({
    name: 'bench-radio',
    transport: openVirtualTransport(controller),
    zoneOf: () => 0,
    assignments: [{ patient: site.patient.id, address: strap.address, addressType: strap.addressType }],
    batch: { maxLeaves: batch, maxAgeMs: 2000 },
  });
  // The last that the agent asks for is the battery; it takes the level for a reading, too.
  await strap.whenHeard();
  while (agent.status().heard === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await agent.flush();
  await settle(site.world, agent);
  return measureRate(async (count) => {
    await expectFiled(site, count, async () => {
      for (const { at, value } of rates.take(count)) {
        clock.set(at);
        const { heartRate, rr1024 } = decodeHeartRateMeasurement(value);
        while (!(await strap.beat({ heartRate, rr1024 }))) await strap.whenHeard();
      }
      await settle(site.world, agent);
    });
  }, options);
}

/** A figure counts only when every reading arrived, in the record and in the log. */
async function expectFiled({ world, patient }: Site, count: number, work: () => Promise<void>): Promise<void> {
  const { store } = world.service;
  const filed = () => {
    const known = store.patients.byId(patient.id);
    return known ? store.segments.countReadings(known) : 0;
  };
  const before = filed();
  await work();
  if (filed() - before !== count) throw new Error('not every reading was filed: nothing was measured');
  if (store.commitments.countUnlogged() > 0) throw new Error('not every batch is in the log: nothing was measured');
}
