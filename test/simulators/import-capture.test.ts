/** The import command: a recording of two devices goes in, one device without its name and address comes out. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readBtsnoop } from '../../simulators/btsnoop/btsnoop-file.ts';
import { onlySpeaker } from '../../simulators/btsnoop/extract-peripheral.ts';
import { createCuff } from '../../simulators/devices/cuff.ts';
import { createHeartStrap } from '../../simulators/devices/heart-strap.ts';
import { openRecordedRadio } from '../support/recorded-radio.ts';
import { until } from '../support/until.ts';

const STRAP = 'f0:00:00:00:00:51';
const CUFF = 'f0:00:00:00:00:52';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'veravita-import-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function simulate(...args: string[]) {
  const main = join(import.meta.dirname, '..', '..', 'simulators', 'simulate-main.ts');
  return spawnSync(process.execPath, [main, 'import', ...args], { encoding: 'utf8' });
}

it('asks which device is meant, keeps that one, and overwrites nothing', async () => {
  const strap = createHeartStrap({ address: STRAP, name: 'HTEST plum', serial: 'S-1' });
  const cuff = createCuff({ address: CUFF, name: 'HTEST quince', serial: 'S-2' });
  const radio = openRecordedRadio([strap, cuff]);
  await Promise.all([strap.whenHeard(), cuff.whenHeard()]);
  await strap.beat({ heartRate: 61 });
  const part = (mantissa: number) => ({ mantissa, exponent: 0 });
  await cuff.measure({ systolic: part(120), diastolic: part(80), map: part(93) });
  await until('both were heard', () => radio.notifications.some(({ characteristic }) => characteristic === 0x2a35));
  await radio.close();
  const [input, output] = [join(folder, 'in.btsnoop'), join(folder, 'out.btsnoop')];
  writeFileSync(input, radio.file());

  const unnamed = simulate(input, output);
  expect(unnamed.status).toBe(1);
  expect(unnamed.stderr).toContain(STRAP);
  expect(unnamed.stderr).toContain(CUFF);

  const named = simulate(input, output, '--device', CUFF);
  expect(named).toMatchObject({ status: 0, stderr: '' });
  const imported = new Uint8Array(readFileSync(output));
  expect(statSync(output).mode & 0o777).toBe(0o600);
  expect(named.stdout).toContain(onlySpeaker(readBtsnoop(imported)));
  for (const secret of ['plum', 'quince']) expect(Buffer.from(imported).includes(secret)).toBe(false);

  expect(simulate(input, output, '--device', CUFF)).toMatchObject({ status: 1 });
  expect(simulate(input)).toMatchObject({ status: 2 });
  expect(simulate(input, join(folder, 'x'), '--device', 'plum')).toMatchObject({ status: 2 });
});
