/** What an agent does with very much that waits: few large batches, and counts that cost nothing. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Batcher } from '../../edge-agent/batcher.ts';
import { Coverage } from '../../edge-agent/coverage.ts';
import { openDatabase } from '../../edge-agent/database.ts';
import { openDoubles } from '../../edge-agent/doubles.ts';
import type { Gateway } from '../../edge-agent/gateway.ts';
import { Outbox, type OutboxChange } from '../../edge-agent/outbox.ts';
import { Pending } from '../../edge-agent/pending.ts';
import { type BatchPlace, sealBatch } from '../../edge-agent/seal.ts';
import { readHeader } from '../../protocol/batch.ts';
import { createSigner } from '../../protocol/cose.ts';
import { LATE_MS } from '../../protocol/coverage-fold.ts';
import type { CoverageLeaf, DeviceLeaf } from '../../protocol/leaf.ts';
import { heartRate, makeFolder, NOON, openTestGateway, SUBJECT } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';

let folder: string;

beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('an agent that nobody answers', () => {
  let service: TestService;
  let gateway: Gateway | undefined;

  beforeEach(async () => {
    service = await new TestService().start();
  });
  afterEach(async () => {
    await gateway?.stop();
    await service.stop();
  });

  it('closes by size, attests as ever, and goes back to small batches when all is taken', async () => {
    let now = NOON;
    gateway = await openTestGateway(folder, service, {
      clock: () => now,
      batch: { maxLeaves: 5, maxAgeMs: 10 },
      heartbeatMs: 40,
      publishing: { window: 2, acknowledgementMs: 300, retryMs: { first: 10, longest: 100 } },
    });
    const hear = async (count: number) => {
      for (let i = 0; i < count; i++) {
        now += 1000;
        await gateway!.hear(heartRate(60, now));
      }
    };
    await service.stopBroker();
    for (const least of [1, 2]) {
      await hear(1);
      await vi.waitFor(() => expect(gateway!.status().sealed).toBeGreaterThanOrEqual(least));
    }
    await gateway.flush(); // behind whatever was under way; from here nothing but size closes a batch
    const { sealed } = gateway.status();
    await hear(3);
    // A heartbeat, later than any age, says of two devices what became of them: durable, and not sealed.
    await vi.waitFor(() => expect(gateway!.status().pending).toBeGreaterThanOrEqual(5));
    expect(gateway.status().sealed).toBe(sealed);
    await hear(16);
    await vi.waitFor(() => expect(gateway!.status().sealed).toBeGreaterThan(sealed));

    await service.startBroker();
    await vi.waitFor(() => expect(service.readings.length).toBe(21));
    await hear(1);
    await vi.waitFor(() => expect(service.readings.length).toBe(22));
    expect(service.batches[sealed]!.leaves.length).toBeGreaterThanOrEqual(20);
    const spans = service.batches
      .flatMap(({ leaves }) => leaves)
      .filter((leaf): leaf is CoverageLeaf => leaf.kind === 'coverage' && leaf.from < leaf.to)
      .filter(({ device }, _, [first]) => Buffer.compare(device, first!.device) === 0);
    for (const [i, { to }] of spans.slice(0, -1).entries()) expect(spans[i + 1]!.from).toBe(to);
  });
});

const agent = new Uint8Array(32).fill(1);
const storageKey = new Uint8Array(32).fill(2);

function fail(error: unknown): never {
  throw error;
}

function open(where: string, onCommit = () => {}) {
  const db = openDatabase(where, agent);
  const pending = new Pending({
    ...{ db, storageKey, boot: new Uint8Array(16), groupMs: 2, clock: () => NOON },
    doubles: openDoubles(db, () => NOON),
    onCommit,
    onDiskFull: () => undefined,
    onFailure: fail,
  });
  return { db, pending, outbox: new Outbox(db, storageKey) };
}

function deviceLeaf(heardAt: number): DeviceLeaf {
  return {
    ...{ kind: 'device', subject: SUBJECT, device: new Uint8Array(16), heardAt, test: true },
    ...{ address: 'c0:ff:ee:00:00:01', addressType: 'random', link: 'unbonded' },
  };
}

function seal(bodies: readonly Uint8Array[], place: BatchPlace) {
  const signer = createSigner(new Uint8Array(32).fill(3));
  const spokenOf = () => place.sequence - 1;
  return sealBatch(bodies, place, { signer, sealContent: async (plaintext) => plaintext, spokenOf });
}

it('closes what is old before it could pass for having come in time', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { db, pending, outbox } = open(join(folder, 'slow'), () => batcher.appended());
  const clock = () => NOON + minutes * 60_000;
  let minutes = 0;
  const batcher: Batcher = new Batcher({
    ...{ pending, outbox, seal, clock },
    coverage: new Coverage(new Map(), { from: NOON, test: true }),
    agent: () => agent,
    maxLeaves: 500,
    maxAgeMs: 2000,
    heartbeatMs: 60_000,
    hasRoom: () => true,
    isBehind: () => true,
    covered: () => undefined,
    onSealed: () => undefined,
    onFailure: fail,
  });
  try {
    for (; minutes < 60; minutes++) {
      const appended = pending.append([{ leaf: deviceLeaf(clock()) }]);
      await vi.advanceTimersByTimeAsync(60_000);
      await appended;
    }
    await batcher.undisturbed(() => undefined);
    const headers = db.prepare('SELECT header FROM outbox ORDER BY sequence').all();
    const spans = headers.map(({ header }) => readHeader(header as Uint8Array).header);
    for (const { openedAt, closedAt } of spans) expect(closedAt - openedAt).toBeLessThan(LATE_MS);
    expect(pending.count).toBeLessThanOrEqual(5);
    expect(spans.length).toBeGreaterThanOrEqual(11);
    expect(spans.length).toBeLessThanOrEqual(15);
  } finally {
    await batcher.stop();
    db.close();
    vi.useRealTimers();
  }
});

it('does not look for rows for ever that a commit took which was answered with an error', async () => {
  const { db, pending, outbox } = open(join(folder, 'answered'));
  const failures: unknown[] = [];
  let asked = 0;
  const batcher = new Batcher({
    ...{ pending, outbox, seal, clock: () => NOON },
    coverage: new Coverage(new Map(), { from: NOON, test: true }),
    agent: () => agent,
    maxLeaves: 2,
    maxAgeMs: 60_000,
    heartbeatMs: 60_000,
    hasRoom: () => true,
    isBehind: () => (++asked > 100 ? fail(new Error('it looks for ever')) : false),
    covered: () => undefined,
    onSealed: () => undefined,
    onFailure: (error) => failures.push(error),
  });
  await pending.append([{ leaf: deviceLeaf(NOON) }, { leaf: deviceLeaf(NOON + 1000) }]);
  const exec = db.exec.bind(db);
  const failed = new Error('EIO after the commit');
  db.exec = (sql) => {
    exec(sql);
    if (sql !== 'COMMIT') return;
    db.exec = exec;
    throw failed;
  };
  batcher.appended();
  await Promise.resolve();
  batcher.appended(); // a second look, behind the first
  await batcher.undisturbed(() => undefined);
  await batcher.stop();
  expect(failures).toEqual([failed]);
  expect([pending.count, pending.octets]).toEqual([0, 0]);
  expect(db.prepare('SELECT leaves FROM outbox').all()).toHaveLength(1);
  db.close();
});

describe('the counts of the outbox', () => {
  const BATCHES = 6;

  it('are those of the database, whatever became known in whatever order', async () => {
    const { db, pending, outbox } = open(join(folder, 'full'));
    for (let i = 1; i <= BATCHES; i++) {
      await pending.append([{ leaf: deviceLeaf(NOON) }]);
      const rows = pending.oldest(1)!;
      const sealed = await seal(rows.bodies, { agent, boot: rows.boot, sequence: i, previous: outbox.previous });
      outbox.store(sealed, rows, pending);
    }
    expect(outbox.counts()).toEqual({ kept: BATCHES, unheld: BATCHES, firstUnheld: 1, waiting: 0 });
    db.close();

    const sequence = fc.integer({ min: 1, max: BATCHES + 1 });
    const change = fc.oneof(
      sequence.map((of): OutboxChange => ({ kind: 'published', sequence: of })),
      sequence.map((of): OutboxChange => ({ kind: 'held', sequence: of, withheld: 0 })),
      sequence.map((of): OutboxChange => ({ kind: 'logged', sequence: of })),
      sequence.map((of): OutboxChange => ({ kind: 'waiting', sequence: of })),
      sequence.map((of): OutboxChange => ({ kind: 'refused', sequence: of, code: 'bad-leaf' })),
    );
    let run = 0;
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 8 }), (groups) => {
        const copy = join(folder, `run-${run++}`);
        cpSync(join(folder, 'full'), copy, { recursive: true });
        const opened = open(copy);
        for (const group of groups) {
          opened.outbox.apply(group);
          const found = new Outbox(opened.db, storageKey);
          expect([opened.outbox.counts(), opened.outbox.octets]).toEqual([found.counts(), found.octets]);
        }
        const last = opened.outbox.counts();
        opened.db.close();
        expect(opened.outbox.counts()).toEqual(last);
      }),
      { numRuns: 60 },
    );
  });
});
