import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Bond, openBondStore } from '../../../edge-agent/radio/bond-store.ts';
import { isFault } from '../../../protocol/fault.ts';

const KEY = new Uint8Array(32).fill(1);
const BOND: Bond = {
  device: 'f0:00:00:00:00:01',
  key: new Uint8Array(16).fill(0xab),
  diversifier: Uint8Array.of(1, 2),
  random: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  keySize: 16,
  authenticated: true,
  identityKey: Uint8Array.from(Buffer.from('ec0234a357c8ad05341010a60a397d9b', 'hex').reverse()),
  identityAddress: 'c0:00:00:00:00:05',
  madeAt: 1_717_200_000_000,
  refusals: 0,
};

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bonds-'));
  path = join(folder, 'bonds');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What opening throws, as its code. */
function refusal(key = KEY): string | undefined {
  try {
    openBondStore(path, key);
    return undefined;
  } catch (error) {
    expect(String(error)).not.toContain('ab'.repeat(4));
    return isFault(error) ? error.code : 'threw';
  }
}

it('keeps bonds over a restart, and forgets those that are removed', () => {
  openBondStore(path, KEY).put(BOND);
  const again = openBondStore(path, KEY);
  expect(again.find(BOND.device)).toEqual(BOND);
  expect(again.devices()).toEqual([BOND.device]);
  again.remove(BOND.device);
  expect(openBondStore(path, KEY).devices()).toEqual([]);
});

it('knows a device by its address, its identity address and every private address of it', () => {
  const store = openBondStore(path, KEY);
  store.put(BOND);
  expect(store.resolve(BOND.device)).toBe(BOND.device);
  expect(store.resolve('c0:00:00:00:00:05')).toBe(BOND.device);
  expect(store.resolve('70:81:94:0d:fb:aa')).toBe(BOND.device);
  expect(store.resolve('70:81:94:0d:fb:ab')).toBeUndefined();
});

it('shows nothing of what it keeps, and never the same octets twice', () => {
  const store = openBondStore(path, KEY);
  store.put(BOND);
  const first = readFileSync(path, 'utf8');
  store.put(BOND);
  expect(readFileSync(path, 'utf8')).not.toBe(first);
  for (const secret of ['ab'.repeat(16), BOND.device, Buffer.from(BOND.device).toString('hex')]) {
    expect(first).not.toContain(secret);
  }
});

it('refuses another key, every changed octet and every shorter file, and does not begin anew', () => {
  openBondStore(path, KEY).put(BOND);
  expect(refusal(new Uint8Array(32).fill(2))).toBe('inconsistent');
  const whole = readFileSync(path, 'utf8');
  const start = whole.indexOf('\n') + 1;
  for (let at = start; at < whole.length - 1; at += 7) {
    writeFileSync(path, whole.slice(0, at) + (whole[at] === '0' ? '1' : '0') + whole.slice(at + 1));
    expect(refusal()).toBe('inconsistent');
  }
  for (const text of [
    '',
    'x',
    whole.slice(0, start),
    `${whole.slice(0, start)}00\n`,
    `another\n${whole.slice(start)}`,
  ]) {
    writeFileSync(path, text);
    expect(refusal()).toBe('malformed');
  }
  writeFileSync(path, `${whole.slice(0, -3)}\n`);
  expect(refusal()).toBe('inconsistent');
});
