/** The auditor proves itself: a real small record is clean, and each of ten defects in a copy of it is found. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AuditReport, audit } from './auditor.ts';
import type { CheckName } from './check.ts';
import { DEFECTS, type Defect } from './planted-defects.ts';

export interface SelfTestResult {
  /** Not all were found, or the record was not clean before: no audit by this auditor means anything. */
  readonly isVoid: boolean;
  /** What is wrong with the record into which nothing was planted. */
  readonly before: readonly CheckName[];
  readonly defects: readonly {
    readonly name: string;
    readonly foundBy: CheckName;
    readonly found: boolean;
    /** All checks that failed. */
    readonly failed: readonly CheckName[];
  }[];
}

const REPLAY = fileURLToPath(new URL('../replay-main.ts', import.meta.url));
const WEARERS = ['Quibblefax', 'Wunderlichstein'];
const ROWS = 24;
/** Audits at the same time. */
const ABREAST = 2;

export async function runSelfTest(progress: (line: string) => void): Promise<SelfTestResult> {
  const folder = mkdtempSync(join(tmpdir(), 'veravita-self-test-'));
  try {
    const recording = join(folder, 'self-test.csv');
    writeFileSync(recording, recordingText());
    const original = join(folder, 'original');
    await replay(recording, original);
    const look = (data: string) =>
      audit({ data, truth: recording, zone: 'UTC', keys: [], agents: [], logs: [] }, () => undefined);
    const before = failedOf(await look(original));
    progress(before.length === 0 ? 'the record is clean' : 'the record is not clean');
    const defects: SelfTestResult['defects'][number][] = [];
    for (let next = 0; next < DEFECTS.length; next += ABREAST) {
      const found = DEFECTS.slice(next, next + ABREAST).map((defect) => plantAndLook(defect, folder, recording, look));
      for (const result of await Promise.all(found)) {
        progress(`${result.name}: ${result.found ? 'found' : 'NOT FOUND'}`);
        defects.push(result);
      }
    }
    return { isVoid: before.length > 0 || defects.some(({ found }) => !found), before, defects };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function plantAndLook(
  { name, foundBy, plant }: Defect,
  folder: string,
  recording: string,
  look: (data: string) => Promise<AuditReport>,
) {
  const data = join(folder, name.replaceAll(' ', '-'));
  cpSync(join(folder, 'original'), data, { recursive: true });
  await plant({ data, name: WEARERS[0]!, replayAgain: () => replay(recording, data) });
  const failed = failedOf(await look(data));
  return { name, foundBy, found: failed.includes(foundBy), failed };
}

/** Checks that do not hold. */
function failedOf({ checks }: AuditReport): CheckName[] {
  return checks.filter(({ outcome }) => outcome !== 'holds').map(({ check }) => check);
}

async function replay(recording: string, data: string): Promise<void> {
  const child = spawn(process.execPath, [REPLAY, recording, '--data', data], { stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  // A record that was tampered with makes the replay say so; what it did is there all the same.
  if (code !== 0 && code !== 1) throw new Error('the recording could not be replayed');
}

/** Two wearers by turns, no two numbers at one instant. */
function recordingText(): string {
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const second = String(i).padStart(2, '0');
    return `${WEARERS[i % 2]},2026-02-03T04:05:${second},${60 + i}`;
  });
  return `subject,measuredAt,heart-rate [/min]\n${rows.join('\n')}\n`;
}

export function formatSelfTest({ isVoid, before, defects }: SelfTestResult): string {
  const lines = defects.map(
    ({ name, found, failed }) =>
      `  ${name.padEnd(26)}${found ? 'found' : 'NOT FOUND'}${failed.length > 0 ? ` by ${failed.join(', ')}` : ''}`,
  );
  const found = defects.filter((one) => one.found).length;
  const head = before.length > 0 ? `Before anything was planted, these failed: ${before.join(', ')}.\n` : '';
  return `${head}${lines.join('\n')}\n${found} of ${defects.length} found${isVoid ? ': THE AUDITOR IS VOID' : ''}.\n`;
}
