/** The auditor over a real small record. That it finds each of ten planted defects, test/faults/self-test.test.ts shows. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuditReport, audit } from '../../simulators/audit/auditor.ts';
import { CHECKS } from '../../simulators/audit/check.ts';
import { readAuditCommand } from '../../simulators/audit-config.ts';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const ROWS = Array.from({ length: 12 }, (_, i) => `2026-02-03T04:05:${String(i + 10)},${70 + i}`);
const recording = (rows: readonly string[]) => `measuredAt,heart-rate [/min]\n${rows.join('\n')}\n`;

let folder: string;
let data: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'veravita-audit-test-'));
  data = join(folder, 'data');
  writeFileSync(join(folder, 'small.csv'), recording(ROWS));
  await promisify(execFile)(process.execPath, [
    at('simulators/replay-main.ts'),
    join(folder, 'small.csv'),
    '--data',
    data,
  ]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Against a truth of other rows under the recording's name. */
function auditAgainst(rows: readonly string[]): Promise<AuditReport> {
  const truth = join(mkdtempSync(join(folder, 'truth-')), 'small.csv');
  writeFileSync(truth, recording(rows));
  return audit({ data, truth, zone: 'UTC', keys: [], agents: [], logs: [] }, () => undefined);
}

const failed = ({ checks }: AuditReport) =>
  checks.filter(({ outcome }) => outcome === 'fails').map(({ check }) => check);

describe('npm run audit', () => {
  it('finds nothing wrong with what was replayed, and leaves the checkpoint for the next audit', {
    timeout: 120_000,
  }, async () => {
    const report = await auditAgainst(ROWS);
    expect(report).toMatchObject({ verdict: 'clean', patients: 1, readings: ROWS.length + 1 }); // the battery, too
    expect(report.checks.map(({ check }) => check)).toEqual(CHECKS);
    expect(report.checks.every(({ outcome, looked }) => outcome === 'holds' && looked > 0)).toBe(true);
    expect(readFileSync(join(data, 'audit', 'checkpoints.ndjson'), 'utf8')).toContain('veravita.local/log');
  });

  it('tells what was measured and is not there, and what is there and was not measured', {
    timeout: 120_000,
  }, async () => {
    expect(failed(await auditAgainst([...ROWS, '2026-02-03T04:06:00,99']))).toEqual(['no loss']);
    expect(failed(await auditAgainst(ROWS.slice(1)))).toEqual(['nothing invented']);
    expect(failed(await auditAgainst([ROWS[0]!, ...ROWS]))).toEqual(['no loss']);
  });

  it('finds a name in a log, and a history that is not the one it saw before', async () => {
    const copy = join(folder, 'copy');
    cpSync(data, copy, { recursive: true });
    writeFileSync(join(copy, 'service.log'), 'hello Wearer of small\n');
    // A record of another history brings its own key, so that all of its signatures hold.
    const seen = readFileSync(join(copy, 'audit', 'checkpoints.ndjson'), 'utf8')
      .trimEnd()
      .split('\n')[0]!;
    const note = JSON.parse(seen) as string;
    const forged = note.replace(/(\n\n— \S+ .{6})(.)/, (_all, head, digit) => head + (digit === 'A' ? 'B' : 'A'));
    writeFileSync(join(copy, 'audit', 'checkpoints.ndjson'), `${JSON.stringify(forged)}\n`);
    const report = await audit({ data: copy, zone: 'UTC', keys: [], agents: [], logs: [] }, () => undefined);
    expect(failed(report)).toEqual(['nothing personal', 'log consistent']);
    expect(report.checks.find(({ check }) => check === 'no loss')!.outcome).toBe('not checked');
  });

  it('refuses a bad configuration with all its problems', () => {
    const kinds = (...args: string[]) => {
      const command = readAuditCommand(args);
      return command.kind === 'refused' ? command.problems.length : command.kind;
    };
    expect(kinds()).toBe(1);
    expect(kinds('--help')).toBe('help');
    expect(kinds('--self-test')).toBe('self-test');
    expect(kinds('--self-test', '--data', 'x')).toBe(1);
    expect(kinds('--service', 'x')).toBe(2);
    expect(kinds('--data', 'x', '--key', 'a', '--key', 'b')).toBe('audit');
    expect(kinds('--frobnicate')).toBe(1);
  });
});
