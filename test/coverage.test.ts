/**
 * A gap is never silent: of so many batches any one is taken away, hidden or moved at every place where it is stored, and
 * each time the certificate is red and names the interval. `npm run test:coverage` tries a hundred.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Outbox } from '../edge-agent/outbox.ts';
import { openLogReader } from '../ingest-service/log-reader.ts';
import { addRowSum } from '../ingest-service/record/row-sums.ts';
import { openLog } from '../ledger-writer/log.ts';
import { readHeader } from '../protocol/batch.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../protocol/cbor.ts';
import { readSigned, signPayload } from '../protocol/cose.ts';
import { type CertifiedBatch, type CoverageCertificate, signCertificate } from '../protocol/coverage-certificate.ts';
import { foldCoverage } from '../protocol/coverage-fold.ts';
import { type CoverageLeaf, decodeLeaf } from '../protocol/leaf.ts';
import { verifyCoverage } from '../protocol/verify-coverage.ts';
import {
  BEGIN,
  type CoverageSite,
  expectNamed,
  namedIntervals,
  openCoverageSite,
  STEP,
  verifyOnce,
} from './support/coverage-site.ts';

const COUNT = Number(process.env.COVERAGE_BATCHES ?? 8);
const END = BEGIN + COUNT * STEP;
const POSITIONS = Array.from({ length: COUNT }, (_, i) => i);

let site: CoverageSite;
let record: DatabaseSync;
let honest: CoverageCertificate;

beforeAll(async () => {
  site = await openCoverageSite(COUNT);
  for (const envelope of site.envelopes) expect((await site.receive(envelope)).outcome).toBe('held');
  await site.settle();
  record = new DatabaseSync(site.recordPath, { timeout: 5000 });
  addRowSum(record);
  honest = await site.certificate(END);
}, 300_000);

afterAll(async () => {
  record.close();
  await site.close();
});

const idOf = (k: number) => record.prepare('SELECT id FROM batches WHERE sequence = ?').get(k + 1)!.id as string;

/** Takes rows away, looks at the certificate, and puts them back. */
async function without(table: string, where: string, ...values: (string | number)[]): Promise<CoverageCertificate> {
  const rows = record.prepare(`DELETE FROM ${table} WHERE ${where} RETURNING *`).all(...values);
  expect(rows.length).toBeGreaterThan(0);
  try {
    return await site.certificate(END);
  } finally {
    for (const row of rows) {
      const names = Object.keys(row);
      const insert = `INSERT INTO ${table} (${names}) VALUES (${names.map(() => '?')})`;
      record.prepare(insert).run(...(Object.values(row) as string[]));
    }
  }
}

describe('an honest certificate', () => {
  it('is green, sums to all of the time, and says what came late', () => {
    const verdict = site.verify(honest);
    expect(verdict.steps.filter(({ holds }) => !holds)).toEqual([]);
    expect(verdict.verdict).toBe('green');
    expect(honest.devices.length).toBe(2);
    for (const { intervals } of honest.devices) {
      expect(intervals.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(END - BEGIN);
      expect(intervals.every(({ late, state }) => late && (state === 'received' || state === 'out-of-range'))).toBe(
        true,
      );
    }
    const read = verdict.steps.find(({ step }) => step === 'readings')!.says;
    expect(read).toBe(
      `All ${COUNT + Math.ceil(COUNT / 3)} readings are accounted for: ${COUNT + Math.ceil(COUNT / 3)} in the record.`,
    );
  });

  it('of version 1, whose agents bring no key events, is read as ever', () => {
    const { payload } = readSigned(signCertificate(honest, site.signer));
    const fields = decodeCbor(payload, 1e6) as Map<number, CborValue>;
    const agents = (fields.get(8) as CborValue[][]).map((row) => row.slice(0, 3));
    const as = (version: number) => {
      const older = new Map<number, CborValue>([...fields, [0, version], [8, agents]]);
      return verifyCoverage(signPayload('coverage', encodeCbor(older), site.signer), site.trust, verifyOnce);
    };
    expect(as(1).verdict).toBe('green');
    expect(as(2).steps).toMatchObject([{ step: 'format', holds: false }]);
    expect(as(3).steps).toMatchObject([{ step: 'format', holds: false }]);
  });

  it('of a part of the time starts one batch earlier, and is green', async () => {
    for (const [from, to] of [
      [2, 5],
      [3.25, 7.5],
      [0, 1],
      [COUNT - 1.5, COUNT - 0.25],
    ] as const) {
      const certificate = await site.certificate(BEGIN + to * STEP, { from: BEGIN + from * STEP });
      expect(site.verify(certificate).verdict, `${from} to ${to}`).toBe('green');
      expect(certificate.agents[0]!.batches.length).toBeLessThanOrEqual(Math.ceil(to) - Math.floor(from) + 2);
    }
  });

  it('of one device speaks of that, and of a time before anybody listened says so', async () => {
    const { device } = honest.devices[0]!;
    const certificate = await site.certificate(END, { device, from: BEGIN - STEP });
    const verdict = site.verify(certificate);
    expect(verdict.verdict).toBe('green');
    expect(certificate.devices.length).toBe(1);
    expect(certificate.devices[0]!.intervals[0]).toMatchObject({ state: 'not-paired', to: BEGIN });
  });

  it('is red for the time after the last batch', async () => {
    const verdict = site.verify(await site.certificate(END + STEP));
    expect(verdict.verdict).toBe('red');
    expect([...new Set(namedIntervals(verdict))]).toEqual([`${COUNT}-${COUNT + 1}`]);
  });

  it('of who came later starts with the first batch that speaks of them', async () => {
    // The stranger's strap is heard in every second batch, and attested in all; before, the gateway was another's.
    const certificate = await site.certificate(END, { patient: site.stranger, from: BEGIN + 2.5 * STEP });
    expect(site.verify(certificate).verdict).toBe('green');
    const [agent] = certificate.agents;
    const later = { ...certificate, agents: [{ ...agent!, batches: agent!.batches.slice(1) }] };
    expect(site.verify(later).steps.find(({ step }) => step === 'chain')!.holds).toBe(false);
  });

  it('holds nothing of another patient', () => {
    const bodies = honest.agents.flatMap(({ batches }) => batches.flatMap(({ part }) => part?.leaves ?? []));
    expect(bodies.every(({ body }) => equalBytes(decodeLeaf(body).subject, site.patient.subject))).toBe(true);
  });

  it('is red under other keys, and with any octet changed', () => {
    const verdict = site.verify({ ...honest, to: honest.to + 1 });
    expect(verdict.steps.find(({ step }) => step === 'intervals')!.holds).toBe(false);
  });
});

describe('the record', () => {
  it.each(POSITIONS)('without batch %i', async (k) => {
    expectNamed(site, await without('batches', 'sequence = ?', k + 1), k);
  });

  it.each(POSITIONS)('without coverage of batch %i', async (k) => {
    const of = [idOf(k), site.patient.id];
    expectNamed(site, await without('segments', 'batch = ? AND patient = ? AND kind = 2', ...of), k);
  });

  it.each(POSITIONS)('without readings of batch %i', async (k) => {
    const of = [idOf(k), site.patient.id];
    expectNamed(
      site,
      await without('segments', 'batch = ? AND patient = ? AND kind = 1', ...of),
      k,
      /not in the record/,
    );
  });

  it.each(POSITIONS)('without the place in the log of batch %i', async (k) => {
    const where = 'commitment = (SELECT commitment FROM batches WHERE sequence = ?)';
    expectNamed(site, await without('commitments', where, k + 1), k, /not in the log/);
  });

  it.each(POSITIONS.slice(0, -1))('with batch %i and the next one exchanged', async (k) => {
    const move = record.prepare('UPDATE batches SET sequence = ? WHERE sequence = ?');
    const exchange = () => {
      for (const [to, from] of [
        [-1, k + 1],
        [k + 1, k + 2],
        [k + 2, -1],
      ] as const)
        move.run(to, from);
    };
    exchange();
    try {
      const verdict = site.verify(await site.certificate(END));
      expect(verdict.verdict).toBe('red');
      expect(verdict.findings.length).toBeGreaterThan(0);
      expect(verdict.findings.every(({ from, to }) => from >= BEGIN + k * STEP && to <= BEGIN + (k + 2) * STEP)).toBe(
        true,
      );
    } finally {
      exchange();
    }
  });
});

describe('the log', () => {
  it('made anew without one batch names it, at every position', async () => {
    const { size } = site.log.head.checkpoint;
    const entries = await site.log.range(0, size);
    for (const k of POSITIONS) {
      const place = record
        .prepare(
          'SELECT log_index AS i FROM commitments WHERE commitment = (SELECT commitment FROM batches WHERE sequence = ?)',
        )
        .get(k + 1)!.i as number;
      const folder = mkdtempSync(join(tmpdir(), 'veravita-log-'));
      // Whoever does that has the log's key, and puts the record in order.
      const forged = await openLog({
        directory: join(folder, 'log'),
        state: join(folder, 'state'),
        origin: site.log.key.name,
        seed: site.logSeed,
        create: true,
      });
      await forged.append(entries.filter((_, i) => i !== place));
      await forged.integrate();
      record.exec(`UPDATE commitments SET log_index = NULL WHERE log_index = ${place}`);
      record.exec(`UPDATE commitments SET log_index = log_index - 1 WHERE log_index > ${place}`);
      try {
        expectNamed(
          site,
          await site.certificate(END, { sources: { readLog: openLogReader(join(folder, 'log')) } }),
          k,
          /not in the log/,
        );
      } finally {
        record.exec(`UPDATE commitments SET log_index = log_index + 1 WHERE log_index >= ${place}`);
        record.exec(
          `UPDATE commitments SET log_index = ${place} WHERE commitment = (SELECT commitment FROM batches WHERE sequence = ${k + 1})`,
        );
        await forged.close();
        rmSync(folder, { recursive: true });
      }
    }
    expect(site.verify(await site.certificate(END)).verdict).toBe('green');
  });

  it('without a tile is red', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'veravita-log-'));
    cpSync(join(site.directory, 'log'), folder, { recursive: true });
    const tiles = readdirSync(join(folder, 'tile', '0'), { recursive: true, withFileTypes: true }).filter((one) =>
      one.isFile(),
    );
    expect(tiles.length).toBeGreaterThan(0);
    for (const tile of tiles) rmSync(join(tile.parentPath, tile.name));
    const verdict = site.verify(await site.certificate(END, { sources: { readLog: openLogReader(folder) } }));
    expect(verdict.verdict).toBe('red');
    expect(namedIntervals(verdict)).toEqual(POSITIONS.map((k) => `${k}-${k + 1}`));
    rmSync(folder, { recursive: true });
  });
});

/** As one signs it who wants to hide something: the intervals fit what is shown, and no hole is admitted. */
function dishonest(change: (batches: readonly CertifiedBatch[]) => readonly CertifiedBatch[]): CoverageCertificate {
  const [agent] = honest.agents;
  const batches = change(agent!.batches);
  const told = batches.map(({ header, receivedAt, part }) => {
    const { sequence, closedAt } = readHeader(header).header;
    const leaves = (part?.leaves ?? []).map(({ body }) => decodeLeaf(body) as CoverageLeaf);
    return { agent: 0, sequence, closedAt, receivedAt, leaves };
  });
  const shown = { ...agent!, batches };
  return { ...honest, agents: [shown], devices: foldCoverage(told, { ...honest, complete: true }) };
}

describe('a service that hides something and signs it', () => {
  const names = (certificate: CoverageCertificate, k: number) => {
    const verdict = site.verify(certificate);
    expect(verdict.verdict).toBe('red');
    const within = verdict.findings.filter(({ from, to }) => from >= BEGIN + k * STEP && to <= BEGIN + (k + 1) * STEP);
    expect(within.length).toBeGreaterThan(0);
  };

  it.each(POSITIONS)('hides batch %i', (k) => {
    names(
      dishonest((batches) => batches.filter((_, i) => i !== k)),
      k,
    );
  });

  it.each(POSITIONS)('hides what batch %i says of the patient', (k) => {
    names(
      dishonest((batches) =>
        batches.map((one, i) =>
          i === k ? { header: one.header, receivedAt: one.receivedAt, logIndex: one.logIndex! } : one,
        ),
      ),
      k,
    );
  });

  it.each(POSITIONS)('hides one device of batch %i', (k) => {
    names(
      dishonest((batches) =>
        batches.map((one, i) =>
          i === k ? { ...one, part: { ...one.part!, leaves: one.part!.leaves.slice(0, 1) } } : one,
        ),
      ),
      k,
    );
  });

  it.each(POSITIONS)('hides a reading of batch %i', (k) => {
    names(
      dishonest((batches) =>
        batches.map((one, i) => (i === k ? { ...one, part: { ...one.part!, held: one.part!.held.slice(1) } } : one)),
      ),
      k,
    );
  });
});

describe('on the way', () => {
  let other: CoverageSite;
  beforeAll(async () => {
    other = await openCoverageSite(COUNT);
  }, 300_000);
  afterAll(() => other.close());

  it('a batch that was taken from the outbox or swallowed holds up all that follow, and is asked for, at every position', async () => {
    for (const k of POSITIONS) {
      // Out of the agent's own outbox: the next that it sends is not the next that the service waits for.
      const folder = mkdtempSync(join(tmpdir(), 'veravita-outbox-'));
      cpSync(other.statePath, join(folder, 'agent.sqlite'));
      const state = new DatabaseSync(join(folder, 'agent.sqlite'));
      state.prepare('DELETE FROM outbox WHERE sequence = ?').run(k + 1);
      const next = new Outbox(state, new Uint8Array(32)).nextUnheld(k);
      state.close();
      rmSync(folder, { recursive: true });
      expect(next?.sequence).toBe(k + 1 < COUNT ? k + 2 : undefined);
      if (next) {
        const answer = await other.receive(next.envelope);
        expect(answer).toMatchObject({ outcome: 'refused', code: 'sequence-gap', retry: 'later', expected: k + 1 });
      }
      await other.settle();
      const verdict = other.verify(await other.certificate(END));
      expect(verdict.verdict).toBe('red');
      if (k > 0) expect([...new Set(namedIntervals(verdict))]).toEqual([`${k}-${COUNT}`]);
      if (k > 0 && next) {
        expect(verdict.findings.map(({ says }) => says)).toContain(
          `Batch ${k + 1} was asked for and has not come; what follows it waits.`,
        );
      }
      // As the agent goes on when it is not gone after all.
      expect((await other.receive(other.envelopes[k]!)).outcome).toBe('held');
    }
    await other.settle();
    expect(other.verify(await other.certificate(END)).verdict).toBe('green');
  });
});
