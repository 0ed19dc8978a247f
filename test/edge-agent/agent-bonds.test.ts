/** A whole agent with a device that wants to be paired: what it signs, what it keeps, and what it refuses to start with. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Agent, startAgent } from '../../edge-agent/agent.ts';
import { openKeys } from '../../edge-agent/keys.ts';
import { openBondStore } from '../../edge-agent/radio/bond-store.ts';
import { openSecretFiles } from '../../edge-agent/secret-files.ts';
import { deviceHandle } from '../../protocol/keys.ts';
import { createSimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { openVirtualTransport } from '../../simulators/hci/virtual-transport.ts';
import { BondedCuff, MEASUREMENT } from '../support/bond-world.ts';
import { until } from '../support/radio-world.ts';
import {
  CUFF,
  cuffMeasurement,
  gatewayOptions,
  issueCode,
  makeFolder,
  NOON,
  SUBJECT,
} from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';

let service: TestService;
let folder: string;
let agent: Agent | undefined;
let device: BondedCuff;
let controller: VirtualController;

beforeEach(async () => {
  service = await new TestService().start();
  folder = makeFolder();
  controller = new VirtualController({ clock: createSimClock(NOON), advertisingIntervalMs: 10 });
  // By its name one of a family that wants to be paired first, and that loses its bond when a subscription is ended.
  const security = { keepsSubscriptions: true, unsubscribingDestroysBond: true };
  device = controller.add(new BondedCuff(security, 'encryption', CUFF, 'BLESmart_HTEST'));
});

afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  await service.stop();
  rmSync(folder, { recursive: true });
});

function start(lines: string[] = []): Promise<Agent> {
  const note = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const { transport: _transport, ...options } = gatewayOptions(folder, service.url, issueCode(service));
  return startAgent({
    ...options,
    transport: openVirtualTransport(controller),
    radio: { backoffMs: 5, backoffMaxMs: 20 },
    log: { info: note, warn: note, error: note },
  });
}

async function measure(): Promise<void> {
  await until(() => device.isSubscribed(MEASUREMENT));
  expect(await device.send(MEASUREMENT, cuffMeasurement(NOON).value)).toBe(true);
}

it('signs how the link was secured, keeps the bond over a restart, and shows no key', async () => {
  const lines: string[] = [];
  agent = await start(lines);
  await measure();
  await agent.settled();
  const links = service.batches.flatMap(({ leaves }) =>
    leaves.flatMap((leaf) => (leaf.kind === 'device' ? leaf.link : [])),
  );
  expect(links).toEqual(['bonded']);
  await agent.stop();
  expect(device.bondCount).toBe(1);
  const bonds = join(folder, 'keys', 'bonds');
  expect(statSync(bonds).mode & 0o777).toBe(0o600);

  agent = await start(lines);
  await measure();
  expect(device.smpHeard).toEqual([0x01, 0x03, 0x04]);
  expect(lines.join('\n')).toContain('paired');
  expect(lines.join('\n')).not.toContain(CUFF);
});

it('forgets at its start the bond of a device that was taken away, where it ended before it could', async () => {
  const path = join(folder, 'keys', 'bonds');
  const bonded = () => openBondStore(path, openKeys(openSecretFiles(join(folder, 'keys')), false).storageKey).devices();
  agent = await start();
  await measure();
  await agent.settled();
  const before = readFileSync(path);
  const handle = deviceHandle(SUBJECT, 'random', CUFF);
  await service.act(1, [{ type: 'unassign', device: handle }]);
  await until(() => bonded().length === 0);
  await agent.stop();
  // As if it had ended between the two.
  writeFileSync(path, before);
  expect(bonded()).toEqual([CUFF]);
  agent = await start();
  expect(bonded()).toEqual([]);
});

it('keeps the bond of a device that may not be heard for now', async () => {
  const path = join(folder, 'keys', 'bonds');
  agent = await start();
  await measure();
  await agent.settled();
  service.command(1, SUBJECT, false);
  await until(() => !device.connected);
  await agent.stop();
  const before = readFileSync(path);
  agent = await start();
  expect(readFileSync(path).equals(before)).toBe(true);
});

it('does not start with a store of bonds that was changed', async () => {
  agent = await start();
  await measure();
  await agent.stop();
  const bonds = join(folder, 'keys', 'bonds');
  const text = readFileSync(bonds, 'utf8');
  writeFileSync(bonds, `${text.slice(0, -2)}${text.at(-2) === '0' ? '1' : '0'}\n`);
  await expect(start()).rejects.toMatchObject({ code: 'inconsistent' });
  writeFileSync(bonds, text);
  agent = await start();
  await measure();
});
