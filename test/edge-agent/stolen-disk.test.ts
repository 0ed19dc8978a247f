/**
 * An agent's disk in the hands of a stranger, without the host key: readings, keys, credential and bonds are planted, then
 * every byte of a copy is searched, plain, as hex and as base64.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import { openKeys } from '../../edge-agent/keys.ts';
import { type Bond, openBondStore } from '../../edge-agent/radio/bond-store.ts';
import { loadHostKey, openSecretFiles } from '../../edge-agent/secret-files.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { faultOf } from '../support/fault-of.ts';
import { gatewayOptions, issueCode, makeFolder, NOON, readAll, STRAP } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';

const HOST_KEY = new Uint8Array(32).fill(0x5a);
/** As a strap says it, with RR intervals that nobody else has. */
const CANARY = Uint8Array.of(0x10, 77, 0xca, 0xfe, 0xba, 0xbe, 0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe);
const BOND: Bond = {
  device: STRAP,
  key: new Uint8Array(16).fill(0xb7),
  diversifier: new Uint8Array(2),
  random: new Uint8Array(8).fill(0xb8),
  keySize: 16,
  authenticated: true,
  madeAt: NOON,
  refusals: 0,
};

let service: TestService;
let folder: string;
let copy: string;

beforeEach(async () => {
  service = await new TestService().start();
  folder = makeFolder();
  copy = makeFolder();
});

afterEach(async () => {
  await service.stop();
  for (const each of [folder, copy]) rmSync(each, { recursive: true, force: true });
});

/** An agent that has delivered nothing: readings wait, some sealed, and a device is bonded. The disk is copied while it runs. */
async function fill(hostKey?: Uint8Array) {
  const options = { ...gatewayOptions(folder, service.url, issueCode(service)), ...(hostKey && { hostKey }) };
  const gateway = await openAgentGateway(options);
  await service.stopBroker();
  const hear = (heardAt: number) =>
    gateway.hear({ device: STRAP, connection: 1, characteristic: 0x2a37, value: CANARY, heardAt });
  await hear(NOON);
  await gateway.flush();
  await hear(NOON + 1000);
  const keys = join(folder, 'keys');
  openBondStore(join(keys, 'bonds'), openKeys(openSecretFiles(keys, hostKey), false).storageKey).put(BOND);
  cpSync(folder, copy, { recursive: true });
  await gateway.stop();
  const secrets = openSecretFiles(keys, hostKey);
  const { password } = JSON.parse(secrets.read('enrolment.json')).broker;
  const seeds = ['signing.key', 'storage.key', 'doubles.key'].map((name) => secrets.read(name).trim());
  return { seeds, password: password as string };
}

const hits = (disk: Buffer, secret: Uint8Array) =>
  [
    Buffer.from(secret),
    Buffer.from(encodeHex(secret)),
    Buffer.from(Buffer.from(secret).toString('base64').slice(0, -2)),
  ]
    .filter((form) => form.length > 0)
    .filter((form) => disk.includes(form)).length;

describe('a stolen disk', () => {
  it('without the host key holds no reading, key, credential or bond', async () => {
    const { seeds, password } = await fill(HOST_KEY);
    const disk = readAll(copy);
    expect(disk.length).toBeGreaterThan(10_000);
    const planted = [CANARY, BOND.key, BOND.random, HOST_KEY, ...seeds.map((seed) => Buffer.from(seed, 'hex'))];
    expect(planted.map((secret) => hits(disk, secret))).toEqual(planted.map(() => 0));
    expect(disk.includes(Buffer.from(password))).toBe(false);
  });

  it('is searched the right way: without sealing, the keys are found', async () => {
    const { seeds, password } = await fill();
    const disk = readAll(copy);
    for (const seed of seeds) expect(hits(disk, Buffer.from(seed, 'hex'))).toBeGreaterThan(0);
    expect(disk.includes(Buffer.from(password))).toBe(true);
  });

  it('does not open without the host key or with another one, and does with it', async () => {
    await fill(HOST_KEY);
    const options = gatewayOptions(copy, service.url);
    for (const wrong of [{}, { hostKey: new Uint8Array(32).fill(1) }]) {
      await expect(openAgentGateway({ ...options, ...wrong })).rejects.toMatchObject({ code: 'encrypted' });
    }
    await service.startBroker();
    const gateway = await openAgentGateway({ ...options, hostKey: HOST_KEY });
    await gateway.settled();
    expect(service.readings.map(({ raw }) => raw)).toEqual([CANARY, CANARY]);
    await gateway.stop();
    const keys = join(copy, 'keys');
    const { storageKey } = openKeys(openSecretFiles(keys, HOST_KEY), false);
    expect(openBondStore(join(keys, 'bonds'), storageKey).all()).toEqual([BOND]);
  });
});

describe('secret files', () => {
  it('that were plain are sealed when a host key comes', async () => {
    await fill();
    const plain = readFileSync(join(folder, 'keys', 'signing.key'), 'utf8');
    const gateway = await openAgentGateway({ ...gatewayOptions(folder, service.url), hostKey: HOST_KEY });
    await gateway.stop();
    const keys = readAll(join(folder, 'keys'));
    expect(keys.includes(Buffer.from(plain.trim()))).toBe(false);
    expect(openSecretFiles(join(folder, 'keys'), HOST_KEY).read('signing.key')).toBe(plain);
  });

  it('are bound to their names and refuse every change', () => {
    const files = openSecretFiles(folder, HOST_KEY);
    files.write('one', 'secret');
    cpSync(files.path('one'), files.path('two'));
    expect(files.read('one')).toBe('secret');
    expect(faultOf(() => files.read('two'))).toBe('encrypted');
    const sealed = readFileSync(files.path('one'), 'utf8');
    for (let at = 'veravita sealed 1\n'.length; at < sealed.length - 1; at++) {
      const other = sealed[at] === '0' ? '1' : '0';
      writeFileSync(files.path('one'), sealed.slice(0, at) + other + sealed.slice(at + 1));
      expect(faultOf(() => files.read('one'))).toMatch(/^(encrypted|malformed)$/);
    }
  });

  it('take a host key of 32 octets or 64 hex digits, and nothing else', () => {
    const path = join(folder, 'host-key');
    for (const good of [HOST_KEY, Buffer.from(`${encodeHex(HOST_KEY)}\n`)]) {
      writeFileSync(path, good);
      expect(loadHostKey(path)).toEqual(HOST_KEY);
    }
    for (const bad of [Buffer.alloc(0), Buffer.alloc(31), Buffer.from('zz'.repeat(32))]) {
      writeFileSync(path, bad);
      expect(faultOf(() => loadHostKey(path))).toBe('malformed');
    }
    expect(faultOf(() => loadHostKey(join(folder, 'absent')))).toBe('missing');
  });
});
