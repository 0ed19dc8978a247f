import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeReceipt } from '../../protocol/receipt.ts';
import { noteSignerOf } from '../../protocol/signed-note.ts';
import { encodeTrust } from '../../protocol/trust.ts';
import { NOT_SHOWN, STEPS, verifyReceipt } from '../../protocol/verify.ts';
import { printable } from '../../verifier/reading-text.ts';
import { exitCodeOf, renderJson, renderReport } from '../../verifier/report.ts';
import {
  buildReceipt,
  buildReceiptText,
  type Heard,
  PARTIES,
  readingLeaves,
  seedOf,
  signerOf,
  trustIn,
} from '../support/receipt-builder.ts';

const HEART: Heard = { characteristic: 0x2a37, hex: '06aa' };
const TRUST = trustIn(PARTIES);

describe('report', () => {
  const report = (heard: Heard) => renderReport('r.json', verifyReceipt(buildReceiptText(heard), TRUST), true);

  it('says the verdict, the reading and every step in words', () => {
    const said = report(HEART);
    expect(said).toMatch(/^r\.json: GENUINE/);
    expect(said).toContain('Heart rate: 170 /min');
    expect(said).toContain("measured  2026-03-01T09:00:00+01:00 by the gateway's clock");
    expect(said).toContain('TEST DATA');
    for (const step of STEPS) expect(said).toMatch(new RegExp(`^  ${step} +holds  [A-Z].*\\.$`, 'm'));
    for (const limit of NOT_SHOWN) expect(said).toContain(limit);
    expect(said).not.toContain('trust file');
  });

  it.each<[string, Heard, string]>([
    [
      'a panel',
      { characteristic: 0x2a35, hex: '00780050005d00' },
      'Systolic pressure 120 mm[Hg], Diastolic pressure 80 mm',
    ],
    ['decimals as the sensor gave them', { characteristic: 0x2a1c, hex: '00420e00fe' }, 'Body temperature: 36.50 Cel'],
    ['no number', { characteristic: 0x2a1c, hex: '00ffff7f00' }, 'Body temperature: no number (NaN)'],
    [
      "the device's clock",
      { characteristic: 0x2aa7, hex: '06006e000500', sessionStart: 'ea0703010800000400' },
      "2026-03-01T08:05:00+01:00 by the device's clock",
    ],
    ['quality', { ...HEART, hex: '0005' }, 'quality   implausible'],
  ])('shows %s', (_, heard, line) => {
    expect(report(heard)).toContain(line);
  });

  it('does not mark as test data what is none', () => {
    expect(report({ ...HEART, test: false })).not.toContain('TEST');
  });

  it('claims nothing for a receipt that is not genuine, and says how to give trust', () => {
    const open = renderReport('r.json', verifyReceipt(buildReceiptText(HEART)), false);
    expect(open).toMatch(/^r\.json: NOT PROVABLE/);
    expect(open).toContain('as the receipt claims');
    expect(open).toContain('Pass --trust FILE');
    const broken = renderReport('r.json', verifyReceipt('{}', TRUST), true);
    expect(broken).toMatch(/^r\.json: ALTERED/);
    expect(broken).toMatch(/^ {2}format +FAILS /m);
    expect(broken).not.toContain('The reading');
  });

  it('lets nothing of a hostile receipt act on the terminal', () => {
    const [beat] = readingLeaves(HEART);
    const unit = `\u001b[2J\u009b31m\u202e\r\nGENUINE\u2028${'x'.repeat(100_000)}`;
    const verdict = verifyReceipt(encodeReceipt(buildReceipt([{ ...beat!, unit, measuredAt: -8e15 }])), TRUST);
    expect(verdict.verdict).toBe('altered');
    const said = renderReport('a\u001b]0;b\u0007.json', verdict, true);
    expect(said.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
    expect(said).toContain('\\u{1b}[2J');
    expect(said).toContain('outside the calendar');
    expect(said.length).toBeLessThan(5000);
    const json = renderJson('a\u001b.json', verdict);
    expect(json.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
    expect(JSON.parse(json)).toMatchObject({ file: 'a\u001b.json', verdict: 'altered', reading: { unit } });
    expect(printable('\ud800\udfff \ud83d\ude00 \ud800')).toBe('\u{103ff} \u{1f600} \\u{d800}');
  });

  it('ends with the worst: altered, then not provable, then genuine', () => {
    expect(exitCodeOf(['genuine', 'genuine'])).toBe(0);
    expect(exitCodeOf(['genuine', 'not-provable'])).toBe(2);
    expect(exitCodeOf(['not-provable', 'altered', 'genuine'])).toBe(1);
  });
});

const MAIN = new URL('../../verifier/main.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'verify-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function verify(...args: string[]) {
  // Nothing of the environment, no network: whoever checks needs the files only.
  const child = spawn(process.execPath, ['--permission', '--allow-fs-read=*', MAIN, ...args], { env: {}, cwd: folder });
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdin.end();
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

describe('npm run verify', () => {
  const genuine = file('genuine.json', buildReceiptText(HEART));
  const altered = file('altered.json', buildReceiptText(HEART).replace('"index": 0', '"index": 1'));
  const trust = file('trust.json', encodeTrust(TRUST));
  const other = { ...PARTIES, service: signerOf(40), log: noteSignerOf('other.example', seedOf(41)) };
  const otherTrust = file('other-trust.json', encodeTrust(trustIn(other)));

  it.each<[string, string[], number]>([
    ['a genuine receipt', [genuine, '--trust', trust], 0],
    ['an altered one', [altered, '--trust', trust], 1],
    ['no trust, with a trust file beside the receipt', [genuine], 2],
    ["somebody else's trust", [genuine, '--trust', otherTrust], 2],
    ['several, one altered', [genuine, altered, '--trust', trust], 1],
    ['several, altered and not provable', [genuine, altered], 1],
  ])('%s', async (_, args, expected) => {
    const { code, stdout, stderr } = await verify(...args);
    expect([code, stderr]).toEqual([expected, '']);
    expect(stdout).toContain('What no receipt shows');
  });

  it('answers with one line of JSON for each file', async () => {
    const { code, stdout } = await verify('--json', genuine, altered, '--trust', trust);
    const lines = stdout.trimEnd().split('\n');
    expect(code).toBe(1);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        file: genuine,
        verdict: 'genuine',
        steps: STEPS.map((step) => ({ step, result: 'holds' })),
        reading: { vital: 'heart-rate', mdc: 147842, value: '170', unit: '/min', test: true },
      },
      { file: altered, verdict: 'altered' },
    ]);
  });

  it('says in one line what it cannot read, and checks the rest', async () => {
    const missing = join(folder, 'missing.json');
    const { code, stdout, stderr } = await verify(missing, genuine, '--trust', trust);
    expect(code).toBe(2);
    expect(stderr).toBe(`verify: ${missing} cannot be read: there is no such file\n`);
    expect(stdout).toContain('GENUINE');
    const json = await verify('--json', missing, genuine, '--trust', trust);
    expect(json.stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  it.each<[string, string[]]>([
    ['no file', []],
    ['an unknown option', ['--fast', genuine]],
    ['--trust without a file', [genuine, '--trust']],
    ['two trust files', [genuine, '--trust', trust, '--trust', otherTrust]],
    ['a trust file that is missing', [genuine, '--trust', join(folder, 'none.json')]],
    ['a receipt as trust', [genuine, '--trust', genuine]],
    ['a folder', [folder, '--trust', trust]],
  ])('refuses %s in one line', async (_, args) => {
    const { code, stdout, stderr } = await verify(...args);
    expect([code, stdout, stderr.trimEnd().split('\n').length]).toEqual([2, '', 1]);
    expect(stderr).toMatch(/^verify: /);
  });

  it('calls altered what is no receipt, whatever its bytes', async () => {
    const noise = file(
      'noise',
      Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) & 255),
    );
    const huge = file('huge', new Uint8Array(8 * 1024 * 1024).fill(32));
    const { code, stdout } = await verify('--json', noise, huge, file('empty', ''), '--trust', trust);
    expect(code).toBe(1);
    for (const line of stdout.trimEnd().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ verdict: 'altered', steps: [{ step: 'format', result: 'fails' }] });
    }
  });

  it('explains itself', async () => {
    expect(await verify('--help')).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('--trust FILE'),
    });
  });
});
