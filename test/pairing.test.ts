/**
 * Pairing, from the patient's key to the first verified reading, over the real service, the real agent and the real radio
 * stack on a virtual controller.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VirtualController } from '../simulators/hci/virtual-controller.ts';
import { createPairingClient, type PairingClient } from '../simulators/pairing-client.ts';
import type { SimulatedPatient } from '../simulators/patients.ts';
import type { Home } from '../simulators/world.ts';
import { openPairingHome, type PairingHome } from './support/pairing-home.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';
import { until } from './support/until.ts';

let world: TestWorld;
let ada: SimulatedPatient;
let ben: SimulatedPatient;
let home: PairingHome;
let agent: Home;
let controller: VirtualController;
let adas: PairingClient;
let bens: PairingClient;

beforeEach(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada (HTEST)');
  ben = world.patient('Ben (HTEST)');
  adas = createPairingClient(ada.client, Date.now);
  bens = createPairingClient(ben.client, Date.now);
  const { code } = await adas.gatewayCode();
  home = await openPairingHome(world, code);
  ({ agent, controller } = home);
});

afterEach(() => world.close());

const readings = () => world.service.store.segments.countReadings(world.recordOf(ada));

async function find(): Promise<string> {
  await until('the gateway said hello', async () => (await adas.state()).gateways[0]?.heardAt !== undefined);
  await adas.scan(agent.id);
  await until('the thermometer is found', async () => (await adas.found(agent.id)).length > 0);
  const [found] = await adas.found(agent.id);
  expect(found).toMatchObject({ name: 'HTEST thermometer', kind: 'thermometer', title: 'Thermometer', paired: false });
  expect(JSON.stringify(await adas.state())).not.toContain(home.thermometer.address);
  return found!.device;
}

describe('pairing a wearable', () => {
  it('goes from a one-time code to a verified reading, and unpairing ends it', async () => {
    const device = await find();
    // Pairing collects nothing: without consent for this device it does not begin.
    await expect(adas.pair(agent.id, device)).rejects.toMatchObject({ code: 'bad-chain' });
    expect(await adas.consentTo(device)).toBe(true);
    expect(await adas.consentTo(device)).toBe(false);
    const phases = new Set<string>();
    await adas.pair(agent.id, device);
    void home.measure(36.7);
    await until('it is paired', async () => {
      const pairing = await adas.pairing(device);
      if (pairing) phases.add(pairing.phase);
      return pairing?.phase === 'paired';
    });
    expect(await adas.pairing(device)).toMatchObject({
      phase: 'paired',
      reading: { title: 'Body temperature', signed: true, inTree: true, inLog: true },
    });
    expect(home.connections()).toBeGreaterThanOrEqual(2); // it was let go once and came back
    expect((await adas.state()).paired).toEqual([{ gateway: agent.id, device }]);
    const filed = readings();
    expect(filed).toBeGreaterThan(0);

    await adas.unpair(device);
    await until('the link has ended', () => controller.linkCount === 0);
    expect((await adas.state()).paired).toEqual([]);
    expect((await ada.client.consent()).grants.every(({ revokedAt }) => revokedAt !== undefined)).toBe(true);
    void home.measure(37.9);
    await home.settle();
    expect(controller.linkCount).toBe(0);
    expect(readings()).toBe(filed);
    expect(agent.status().halted).toBeUndefined();
  });

  it('shows nothing of it to another patient, and takes nothing away', async () => {
    const device = await find();
    const nobody = { gateways: [], scans: [], pairings: [], paired: [], held: [] };
    expect(await bens.state()).toEqual(nobody);
    for (const attempt of [
      () => bens.scan(agent.id),
      () => bens.pair(agent.id, device),
      () => bens.passkey(device, 1),
      () => bens.claim(agent.id, device, 1),
      () => bens.unpair(device),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'not-found' });
    }
    await expect(ada.client.get(`/api/pairing/scan`)).rejects.toMatchObject({ code: 'not-found' });

    // Even a patient of the same home does not see a device that is somebody's.
    await adas.consentTo(device);
    await adas.pair(agent.id, device);
    world.service.store.agents.addGateway(agent.id, ben.id);
    await bens.scan(agent.id);
    await until('the scan reports', async () => (await bens.state()).scans.length > 0);
    expect(await bens.found(agent.id)).toEqual([]);
  });

  it('is refused when a signed request is changed on its way', async () => {
    const { url } = world.service;
    const unsigned = await fetch(`${url}/api/pairing/scan`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ gateway: agent.id }),
    });
    expect(unsigned.status).toBe(401);
  });
});
