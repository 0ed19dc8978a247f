/**
 * What a machine of a hospital and one at home run, as processes of their own: wearables, agent, service, ledger writer.
 * Each is killed and comes back.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readIngestConfig, servicePaths } from '../../ingest-service/config.ts';
import { openServiceKeys } from '../../ingest-service/keys.ts';
import { openRecordSqlite } from '../../ingest-service/record/record-sqlite.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { vitalSignByName } from '../../protocol/vital-signs.ts';
import { freePorts } from '../support/free-ports.ts';
import { ask, killChild, start, stopPrograms } from '../support/programs.ts';
import { until as eventually } from '../support/until.ts';

/** Processes start slowly on a busy machine. */
const PATIENCE_MS = 60_000;
vi.setConfig({ testTimeout: 4 * PATIENCE_MS });
const until = (what: string, condition: () => boolean) => eventually(what, condition, PATIENCE_MS);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'veravita-processes-'));
});
afterEach(async () => {
  await stopPrograms();
  rmSync(folder, { recursive: true, maxRetries: 5 });
});

it('files and logs what wearables say, by one-time code, over kill -9 of every process', async () => {
  const data = join(folder, 'data');
  const [port, mqttPort] = await freePorts(2);
  const ingestArgs = ['--data', data, '--port', String(port), '--mqtt-port', String(mqttPort)];
  let ingest = start('ingest.mjs', ...ingestArgs);
  await until('the service listens', () => ingest.output.includes('HTTP on'));
  const url = `http://127.0.0.1:${port}`;

  const simulateArgs = ['serve', `unix://${join(folder, 'hci')}`, '--wearables', 'strap,thermometer', '--speed', '10'];
  let wearables = start('simulators/simulate-main.ts', ...simulateArgs);
  await until('the wearables are there', () => wearables.output.includes('Ctrl-C stops'));
  const addresses = [...wearables.output.matchAll(/^([\dA-F:]{17}) /gim)].map(([, address]) => address!);
  expect(addresses.length).toBe(2);

  const key = join(folder, 'patient.json');
  const publicKey = await ask('simulators/consent-main.ts', 'key', '--key', key);
  const admit = ['patient', '--data', data, '--name', 'Ada HTEST', '--public-key', publicKey];
  const patient = await ask('ingest-service/main.ts', ...admit);
  expect(await ask('ingest-service/main.ts', ...admit)).toBe(patient);
  const devices = addresses.flatMap((address) => ['--device', `${address},random`]);
  const code = await ask('ingest-service/main.ts', 'code', '--data', data, '--patient', patient, ...devices);
  await ask('simulators/consent-main.ts', 'grant', '--key', key, '--service', url);

  const state = join(folder, 'agent');
  const agentArgs = ['--data', state, '--service', url, '--hci', `unix://${join(folder, 'hci')}`, '--batch-ms', '100'];
  let agent = start('edge-agent/main.ts', ...agentArgs, '--code', code);
  await until('the agent listens', () => agent.output.includes('"listening"'));
  const agentId = /"agent":"([^"]+)"/.exec(agent.output)![1]!;

  const paths = servicePaths(data);
  const store = openRecordSqlite({
    path: paths.record,
    keyEncryptionKey: openServiceKeys(paths.keys, false).keyEncryptionKey,
    verify: verifyEd25519,
  });
  const logged = () => store.batches.loggedUpTo(agentId);
  const heartRates = () => {
    const owner = store.patients.byId(patient)!;
    const { mdc } = vitalSignByName('heart-rate')!;
    return [...store.segments.readings(owner, mdc, { sort: 'asc' })].map(({ leaf }) => leaf);
  };
  /** The road is open: batches sealed from now on come into the log. */
  const flows = async (what: string) => {
    const before = logged();
    await until(what, () => logged() >= before + 3);
  };
  await flows('batches are in the log');

  await killChild(ingest.child.pid!, 'ledger-writer');
  await flows('the log goes on after its writer was killed');
  await killChild(ingest.child.pid!, 'ingest-service');
  await until('both were started again', () => ingest.output.match(/starting it again/g)?.length === 2);
  await until('the service listens again', () => ingest.output.match(/HTTP on/g)?.length === 2);
  await flows('the log goes on after the service was killed');
  ingest.child.kill('SIGKILL');
  await once(ingest.child, 'exit');
  ingest = start('ingest.mjs', ...ingestArgs);
  // What it started ends with it, so that the new ones find locks and ports free.
  await until('the service listens again', () => ingest.output.includes('HTTP on'));
  await flows('the log goes on after all of the service was killed');
  agent.child.kill('SIGKILL');
  await once(agent.child, 'exit');
  agent = start('edge-agent/main.ts', ...agentArgs);
  await until('the agent listens again', () => agent.output.includes('"listening"'));
  await flows('the log goes on after the agent was killed');
  await killChild(agent.child.pid!, 'radio-child');
  await until('the radio was started again', () => agent.output.includes('"radio-started-again"'));
  await flows('the log goes on after the radio was killed');
  wearables.child.kill('SIGKILL');
  await once(wearables.child, 'exit');
  wearables = start('simulators/simulate-main.ts', ...simulateArgs);
  const beats = heartRates().length;
  await until('beats after the wearables came back', () => heartRates().length > beats + 3);

  // The agent ends cleanly, so that its state can be compared; what it could not hand over it does next time.
  wearables.child.kill('SIGTERM');
  agent.child.kill('SIGTERM');
  await once(agent.child, 'exit');
  const agentState = new DatabaseSync(join(state, 'agent.sqlite'), { readOnly: true });
  const { sequence } = agentState.prepare('SELECT sequence FROM state').get() as { sequence: number };
  const unheld = agentState.prepare('SELECT count(*) AS n FROM outbox WHERE held = 0').get() as { n: number };
  agentState.close();
  await until('all that was handed over is in the log', () => logged() >= sequence - unheld.n);
  // No sequence is missing, or it would not be logged up to there; and nothing is filed twice.
  const instants = heartRates().map(({ heardAt }) => heardAt);
  expect(new Set(instants).size).toBe(instants.length);
  const receipts = await ask('ingest-service/receipt-main.ts', '--data', data, '--last', '1', '--key', key);
  expect(JSON.parse(receipts)).toBeTypeOf('object');

  store.close();
  ingest.child.kill('SIGTERM');
  const [status] = await once(ingest.child, 'exit');
  expect(status).toBe(0);
  expect(ingest.output).toContain('Stopped. The same command goes on with the same data.');
  expect(ingest.output + agent.output).not.toMatch(new RegExp(addresses.join('|'), 'i'));
});

it('runs one service on a data directory, and says what is wrong in lines', async () => {
  const data = join(folder, 'data');
  const first = start('ingest.mjs', '--data', data, '--port', '0', '--mqtt-port', '0');
  await until('it listens', () => first.output.includes('HTTP on'));
  const second = start('ingest.mjs', '--data', data, '--port', '0', '--mqtt-port', '0');
  const [code] = await once(second.child, 'close');
  expect(code).toBe(1);
  expect(second.output).toBe(`ingest: another service runs on ${data}\n`);
  const taken = /127\.0\.0\.1:(\d+)/.exec(first.output)![1]!;
  const third = start('ingest.mjs', '--data', join(folder, 'other'), '--port', taken, '--mqtt-port', '0');
  const [busy] = await once(third.child, 'close');
  expect(busy).toBe(1);
  expect(third.output).toContain(`ingest: port ${taken} is in use`);
  const nobody = ask(
    'ingest-service/main.ts',
    'code',
    '--data',
    data,
    '--patient',
    'a'.repeat(26),
    '--device',
    '00:11:22:33:44:55',
  );
  await expect(nobody).rejects.toThrow('ingest: there is no such patient');
  first.child.kill('SIGINT');
  expect((await once(first.child, 'exit'))[0]).toBe(0);
  expect(first.output).toContain('Stopped.');
  await expect(ask('ingest-service/main.ts', 'patient', '--data', join(folder, 'none'))).rejects.toThrow('--name');
});

it('takes what a fleet of agents sends', async () => {
  const data = join(folder, 'data');
  const ingest = start('ingest.mjs', '--data', data, '--port', '0', '--mqtt-port', '0');
  await until('the service listens', () => ingest.output.includes('HTTP on'));
  const url = /HTTP on ([^,]+),/.exec(ingest.output)![1]!;
  const fleet = ['fleet', '--agents', '5', '--rate', '5', '--seconds', '2', '--service', url, '--data', data, '--json'];
  expect(JSON.parse(await ask('simulators/simulate-main.ts', ...fleet))).toMatchObject({
    sent: 50,
    logged: 50,
    lost: 0,
  });
});

it('says so when it listens to more than this machine', async () => {
  const running = start(
    'ingest.mjs',
    '--data',
    join(folder, 'data'),
    '--port',
    '0',
    '--mqtt-port',
    '0',
    '--host',
    '0.0.0.0',
    '--broker-url',
    'mqtt://192.0.2.1:1883',
  );
  await until('it listens', () => running.output.includes('HTTP on'));
  expect(running.output).toMatch(/^WARNING: listening on 0\.0\.0\.0 without TLS/m);
});

it('refuses a bad configuration with all its problems', () => {
  const problems = (...args: string[]) => {
    const config = readIngestConfig(args, {});
    return config.kind === 'refused' ? config.problems.length : config.kind;
  };
  expect(problems()).toBe('run');
  expect(problems('--help')).toBe('help');
  expect(problems('--port', 'x', '--mqtt-port', '65536', '--host', 'a b', '--broker-url', 'http://x')).toBe(4);
  expect(problems('--port', '1883')).toBe(1);
  expect(problems('--journal', 'kafka://127.0.0.1:9092?prefix=a')).toBe('run');
  expect(problems('--journal', 'kafka://a:0?prefix=a.b&acks=0', '--port', 'x')).toBe(4);
  expect(problems('code', '--patient', 'a'.repeat(26), '--device', '00:11:22:33:44:55', '--journal', 'x')).toBe(1);
  expect(problems('--host', '0.0.0.0')).toBe(1);
  expect(problems('--device', '00:11:22:33:44:55', '--live')).toBe(2);
  expect(problems('patient')).toBe(3);
  expect(problems('patient', '--name', 'Ada', '--public-key', 'a'.repeat(64))).toBe(1);
  expect(problems('code', '--device', 'x')).toBe(2);
  expect(problems('frobnicate')).toBe(1);
  expect(problems('--frobnicate')).toBe(1);
});
