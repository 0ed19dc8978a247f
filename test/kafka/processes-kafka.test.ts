/** Agents, service and ledger writer, each a process, with their journals in a Kafka that falls while they work. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { servicePaths } from '../../ingest-service/config.ts';
import { openServiceKeys } from '../../ingest-service/keys.ts';
import { openRecordSqlite } from '../../ingest-service/record/record-sqlite.ts';
import { openJournalKafka } from '../../journal/journal-kafka.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { decodePosition } from '../../protocol/position.ts';
import { freePorts } from '../support/free-ports.ts';
import { hasKafka, type KafkaBroker, startKafka } from '../support/kafka-broker.ts';
import { killChild, start, stopPrograms } from '../support/programs.ts';
import { until as eventually } from '../support/until.ts';

const PATIENCE_MS = 90_000;
vi.setConfig({ testTimeout: 5 * 60_000 });
const until = (what: string, condition: () => boolean) => eventually(what, condition, PATIENCE_MS);
const AGENTS = 4;

describe.skipIf(!hasKafka())('the road over Kafka', () => {
  let folder: string;
  let broker: KafkaBroker;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'veravita-processes-'));
    broker = await startKafka();
  });
  afterEach(async () => {
    await stopPrograms();
    await broker.dispose();
    rmSync(folder, { recursive: true, maxRetries: 5 });
  });

  it('files and logs each reading once while broker, service and ledger writer are killed', async () => {
    const data = join(folder, 'data');
    const [port, mqttPort] = await freePorts(2);
    const journal = `kafka://${broker.address}?prefix=ward`;
    const ports = ['--port', String(port), '--mqtt-port', String(mqttPort)];
    await broker.kill();
    const ingest = start('ingest.mjs', '--data', data, ...ports, '--journal', journal);
    await until('the service waits for Kafka', () => ingest.output.includes('waiting for the journal'));
    await broker.restart();
    await until('the service listens', () => ingest.output.includes('HTTP on'));
    const paths = servicePaths(data);
    expect(existsSync(paths.inbox) || existsSync(paths.commitments)).toBe(false);

    const url = `http://127.0.0.1:${port}`;
    const load = ['--agents', String(AGENTS), '--rate', '5', '--seconds', '75'];
    const fleet = start('simulators/simulate-main.ts', 'fleet', ...load, '--service', url, '--data', data, '--json');
    const fleetEnded = once(fleet.child, 'close');
    await until('the agents are enrolled', () => fleet.output.includes('agents enrolled'));
    const store = openRecordSqlite({
      path: paths.record,
      keyEncryptionKey: openServiceKeys(paths.keys, false).keyEncryptionKey,
      verify: verifyEd25519,
    });
    const agents = store.agents.ids();
    expect(agents.length).toBe(AGENTS);
    /** The road is open: batches sealed from now on come into the log. */
    const flows = async (what: string) => {
      const before = agents.map((agent) => store.batches.newest(agent)?.sequence ?? 0);
      await until(what, () => agents.every((agent, n) => store.batches.loggedUpTo(agent) > before[n]!));
      expect(fleet.child.exitCode).toBeNull(); // or nobody speaks any more
    };
    await flows('batches are in the log');
    await broker.kill();
    await broker.restart();
    await flows('the log goes on after the broker was killed');
    await killChild(ingest.child.pid!, 'ledger-writer');
    await broker.kill();
    await killChild(ingest.child.pid!, 'ingest-service');
    await broker.restart();
    await until('the service listens again', () => ingest.output.match(/HTTP on/g)?.length === 2);
    await flows('the log goes on after all of it was killed');

    await fleetEnded;
    const result = JSON.parse(fleet.output.slice(fleet.output.indexOf('{')));
    expect(result).toMatchObject({ refused: 0, lost: 0, doubled: 0, filed: result.sent, logged: result.sent });
    expect(result.sent).toBe(AGENTS * 5 * 75);
    expect(result.held).toBe(result.sealed);

    // What the topics hold is what the record was told: each commitment once, at its index.
    const commitments = openJournalKafka({ brokers: [broker.address], prefix: 'ward', name: 'commitments' });
    const positions = openJournalKafka({ brokers: [broker.address], prefix: 'ward', name: 'positions' });
    const told = await positions.read(0, 1_000_000);
    expect(told.map(({ body }) => decodePosition(body).index)).toEqual(told.map((_, index) => index));
    const ids = (await commitments.read(0, 1_000_000)).map(({ id }) => id);
    expect(told.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
    await commitments.close();
    await positions.close();
    store.close();

    ingest.child.kill('SIGTERM');
    expect((await once(ingest.child, 'exit'))[0]).toBe(0);
    expect(ingest.output).not.toContain('Negative');
    // The directory stays with Kafka.
    const forgetful = start('ingest.mjs', '--data', data, ...ports);
    expect((await once(forgetful.child, 'close'))[0]).toBe(1);
    expect(forgetful.output).toContain('this data directory has its journals in Kafka: say --journal');
  });
});
