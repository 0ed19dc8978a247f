import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assertSameEngine } from '../../journal/engine-choice.ts';
import { isLoopback, readKafkaAddress } from '../../journal/kafka/address.ts';

it('keeps a data directory with the engine that it began with', () => {
  const folder = mkdtempSync(join(tmpdir(), 'veravita-engine-'));
  const choice = { sqlitePath: join(folder, 'inbox.sqlite'), indexDirectory: join(folder, 'kafka') };
  assertSameEngine({ ...choice, kafka: true });
  assertSameEngine({ ...choice, kafka: false });
  mkdirSync(choice.indexDirectory);
  assertSameEngine({ ...choice, kafka: true });
  expect(() => assertSameEngine({ ...choice, kafka: false })).toThrow('in Kafka');
  rmSync(choice.indexDirectory, { recursive: true });
  writeFileSync(choice.sqlitePath, '');
  assertSameEngine({ ...choice, kafka: false });
  expect(() => assertSameEngine({ ...choice, kafka: true })).toThrow('in SQLite');
  rmSync(folder, { recursive: true });
});

it('reads the address of Kafka, or says all that is wrong with it', () => {
  const read = (url: string) => {
    const result = readKafkaAddress(url);
    return 'address' in result ? result.address : result.problems.length;
  };
  const one = 'kafka://127.0.0.1:9092';
  expect(read(one)).toEqual({ url: one, brokers: ['127.0.0.1:9092'], prefix: 'veravita' });
  const two = 'kafka://[::1]:9092,localhost:9093/?replication=2&prefix=ward-3';
  const brokers = ['[::1]:9092', 'localhost:9093'];
  expect(read(two)).toEqual({ url: two, brokers, prefix: 'ward-3', replication: 2 });
  for (const bad of ['', 'http://a:1', 'kafka://', 'kafka://a', 'kafka://a:1#b', 'kafka://user:word@a:1', `${one},`]) {
    expect(read(bad)).toBe(1);
  }
  expect(read('kafka://a:70000?prefix=a.b&replication=0&x=y')).toBe(4);
  expect(read(`${one}?prefix=a&prefix=b`)).toBe(1);
  expect(isLoopback({ url: two, brokers, prefix: '' })).toBe(true);
  expect(isLoopback({ url: '', brokers: ['localhost:1', 'kafka.example:9092'], prefix: '' })).toBe(false);
});
