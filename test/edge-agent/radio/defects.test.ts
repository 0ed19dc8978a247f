import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hardenNoble } from '../../../edge-agent/radio/harden-noble.ts';
import { loadNobleClasses } from '../../../edge-agent/radio/load-noble.ts';
import {
  CASES,
  type CaseName,
  closeWorld,
  mendedOperations,
  openWorld,
  type World,
} from '../../support/noble-cases.ts';

/** What is seen with the mends and without them. `died`: the process ended by an uncaught error. */
const EXPECTED: Readonly<Record<CaseName, { mended: string; plain: string }>> = {
  '1 disconnect during an operation': { mended: 'disconnected 8', plain: 'hung' },
  '2 write racing a disconnect': { mended: 'disconnected', plain: 'died' },
  '3 encryption change while idle': { mended: '1 octets', plain: 'died' },
  '4 write refused': { mended: 'att-error 3', plain: 'hung' },
  '4 subscribe without descriptor': { mended: 'att-error 10', plain: 'hung' },
  '5 read refused': { mended: 'att-error 2', plain: '0 octets' },
  // No defect: shows that the simulated pairing is one that noble accepts.
  'pairing by just works': { mended: '1 octets, then 1 octets', plain: '1 octets, then 1 octets' },
  '6 pairing refused': { mended: 'att-error 5, then 1 octets', plain: 'hung, then hung' },
  '7 error 0x04': { mended: 'att-error 4, then 1 octets', plain: 'hung, then hung' },
  '9 long value of a peer with a large MTU': { mended: '400 octets', plain: '255 octets' },
  '10 adapter loses power': { mended: 'disconnect', plain: 'no disconnect' },
  '11 two services with one UUID': { mended: '1 and 2', plain: '2' },
  '12 Security Request': { mended: 'heard', plain: 'ignored' },
  'malformed packet': { mended: '1 octets', plain: 'died' },
  'indication confirmed early': { mended: 'when released', plain: 'at once' },
};

const names = Object.keys(EXPECTED) as CaseName[];

describe('defects of noble, mended', () => {
  let world: World | undefined;
  beforeAll(() => hardenNoble(loadNobleClasses()));
  afterEach(async () => {
    if (world) await closeWorld(world);
    world = undefined;
  });

  it.each(names)('%s', async (name) => {
    world = await openWorld();
    expect(await CASES[name](world, mendedOperations(world))).toBe(EXPECTED[name].mended);
  });
});

/** Shows that the mends mend something: the same cases in processes where noble is as it came. */
describe('defects of noble, as it comes', () => {
  const deadly = names.filter((name) => EXPECTED[name].plain === 'died');
  const others = names.filter((name) => !deadly.includes(name));

  it('hangs or misleads', async () => {
    const seen = await runUnhardened(others);
    expect(seen).toEqual(Object.fromEntries(others.map((name) => [name, EXPECTED[name].plain])));
  });

  it.each(deadly)('dies: %s', async (name) => {
    expect(await runUnhardened([name])).toBe('died');
  });
});

function runUnhardened(cases: readonly CaseName[]): Promise<unknown> {
  const script = fileURLToPath(new URL('../../support/noble-unhardened.ts', import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...cases], { timeout: 20_000 }, (error, stdout) => {
      resolve(error ? 'died' : JSON.parse(stdout));
    });
  });
}
