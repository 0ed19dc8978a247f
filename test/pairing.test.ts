/**
 * Pairing, from the patient's key to the first verified reading, over the real service, the real agent and the real radio
 * stack on a virtual controller.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../protocol/bytes.ts';
import { signRequest } from '../protocol/signed-request.ts';
import type { VirtualController } from '../simulators/hci/virtual-controller.ts';
import { readPatientKey } from '../simulators/keyring.ts';
import { type Dialog, pairWearable, unpairWearable } from '../simulators/pair-dialog.ts';
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

async function pairToTheEnd(): Promise<string> {
  const device = await find();
  await adas.consentTo(device);
  await adas.pair(agent.id, device);
  void home.measure(36.6);
  await until('it is paired', async () => (await adas.pairing(device))?.phase === 'paired');
  return device;
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

  it('is durable on both sides, and so is its end, while the gateway is off', async () => {
    const device = await pairToTheEnd();
    await agent.stop();
    const before = readings();
    home = await openPairingHome(world, 'not needed again');
    ({ agent, controller } = home);
    void home.measure(36.9);
    await until('a reading after the restart', async () => {
      await home.settle();
      return readings() > before;
    });
    await agent.stop();
    await adas.unpair(device);
    const filed = readings();
    const since = Date.now();
    home = await openPairingHome(world, 'not needed again');
    ({ agent, controller } = home);
    void home.measure(37.1);
    await adas.scan(agent.id);
    // Commands are obeyed in order: who looks around has let go before.
    await until('it is on the air, and nobody listens', async () => {
      const [found] = await adas.found(agent.id);
      return found !== undefined && Date.parse(found.heardAt) > since && controller.linkCount === 0;
    });
    await home.settle();
    expect(readings()).toBe(filed);
    expect(agent.status()).toMatchObject({ outbox: 0, refused: {} });
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

  it('is refused without a signature, and with one for another body', async () => {
    const path = '/api/pairing/scan';
    const signer = readPatientKey(ada.keyFile);
    const nonce = new Uint8Array(16).fill(7);
    const text = JSON.stringify({ gateway: agent.id });
    const target = { method: 'POST', path, body: encodeUtf8(text) };
    const authorization = signRequest(target, Date.now(), nonce, signer);
    const send = async (body: string, headers: Record<string, string>) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body };
      return (await fetch(world.service.url + path, init)).status;
    };
    expect(await send(text, {})).toBe(401);
    expect(await send(`${text} `, { authorization })).toBe(401);
    await until('the gateway said hello', async () => (await adas.state()).gateways[0]?.heardAt !== undefined);
    expect(await send(text, { authorization })).toBe(202);
    expect(await send(text, { authorization })).toBe(401); // used before
  });
});

describe('npm run pair', () => {
  const speak = (...answers: string[]) => {
    const said: string[] = [];
    const dialog: Dialog = {
      say: (text) => void said.push(text),
      ask: async () => answers.shift() ?? 'n',
      pause: () => new Promise((resolve) => setTimeout(resolve, 100)),
    };
    return { said, dialog };
  };

  it('talks a patient through, and says "paired" last', async () => {
    await find();
    const refusing = speak('', '1', 'n');
    await expect(pairWearable(adas, refusing.dialog, { yes: false })).rejects.toThrow(/consent/);
    expect((await ada.client.consent()).grants).toEqual([]);

    const { said, dialog } = speak('1', 'y');
    void home.measure(36.8);
    await pairWearable(adas, dialog, { yes: false });
    expect(said.join('\n')).toMatch(/1 {2}HTEST thermometer, Thermometer, signal \w+/);
    expect(said.slice(-2)).toEqual(['Paired.', expect.stringMatching(/^First reading: Body temperature, .*in log\.$/)]);

    await unpairWearable(adas, dialog, (await adas.state()).paired[0]!.device.slice(0, 8), true);
    expect(said.at(-1)).toMatch(/^Unpaired/);
    await until('the link has ended', () => controller.linkCount === 0);
  });

  it('finds a wearable by its name for a script', async () => {
    const { said, dialog } = speak();
    await until('the gateway said hello', async () => (await adas.state()).gateways[0]?.heardAt !== undefined);
    void home.measure(36.8);
    await pairWearable(adas, dialog, { choose: 'HTEST thermometer', yes: true });
    expect(said).toContain('Paired.');
  });
});
