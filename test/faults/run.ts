/** `node test/faults/run.ts`: as many kills and cuts as one likes, and every system call in turn. Every round ends with the auditor. */
import { parseArgs } from 'node:util';
import { formatReport } from '../../simulators/audit/format-report.ts';
import { FaultSite, PROGRAMS, type ProgramName } from './fault-site.ts';
import { killAtRandom } from './kills.ts';
import { whyNoPowerCuts } from './power-box.ts';
import { openPowerSite } from './power-cuts.ts';
import { CALLS, type CallKind, sweep, whyNoStrace } from './syscalls.ts';

const HELP = `Usage: npm run faults -- [options]

Kills, cuts and sweeps without bound; npm run test:faults runs a share of each. Every round of ${'`'}--round${'`'} kills or cuts
ends with the auditor; the first thing that it finds ends the run, and the data stays where the last line says.

  --kills N       kill -9 of agent, service and ledger writer at random
  --cuts N        power cuts (root only)
  --sweep         kill -9 at every Nth fsync, write and rename of each process (strace)
  --stride N      of these, only every Nth (default 1)
  --only NAMES    of agent, service, writer (default all; for --sweep)
  --calls KINDS   of fsync, write, rename (default all; for --sweep)
  --round N       kills or cuts to one audit (default 100)
  --seed S        makes a run the same again as far as processes can be (default: the time)
  --help          this text
`;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '0' },
    cuts: { type: 'string', default: '0' },
    sweep: { type: 'boolean', default: false },
    stride: { type: 'string', default: '1' },
    only: { type: 'string', default: PROGRAMS.join(',') },
    calls: { type: 'string', default: Object.keys(CALLS).join(',') },
    round: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean', default: false },
  },
});

const say = (line: string) => void process.stdout.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);
const [kills, cuts, stride, round, seed] = [values.kills, values.cuts, values.stride, values.round, values.seed].map(
  Number,
);

async function judged(site: FaultSite, what: string): Promise<boolean> {
  await site.drain();
  const report = await site.audit();
  say(`${what}: ${report.readings} readings of ${site.producer.measured}, ${report.verdict}`);
  if (report.verdict === 'clean') return true;
  process.stdout.write(`${formatReport(report)}The data: ${site.folder}\n`);
  return false;
}

async function runKills(): Promise<boolean> {
  for (let done = 0; done < kills!; done += round!) {
    const site = await FaultSite.open();
    const many = Math.min(round!, kills! - done);
    const killed = await killAtRandom(site, { kills: many, seed: seed! + done });
    if (!(await judged(site, `${done + many} kills, the last ${JSON.stringify(killed)}`))) return false;
    await site.close();
  }
  return true;
}

async function runCuts(): Promise<boolean> {
  const why = whyNoPowerCuts();
  if (why) say(`no power cuts: ${why}`);
  for (let done = 0; !why && done < cuts!; done += round!) {
    const world = await openPowerSite();
    const many = Math.min(round!, cuts! - done);
    const cut = await world.cut(many, seed! + done);
    if (!(await judged(world.site, `${done + many} cuts, the last ${JSON.stringify(cut)}`))) return false;
    await world.close();
  }
  return true;
}

async function runSweep(): Promise<boolean> {
  const why = whyNoStrace();
  if (why) {
    say(`no sweep: ${why}`);
    return true;
  }
  for (const name of values.only.split(',') as ProgramName[]) {
    for (const kind of values.calls.split(',') as CallKind[]) {
      const site = await FaultSite.open();
      site.start();
      const hit = await sweep(site, name, kind, stride!);
      if (!(await judged(site, `${name} killed at ${hit} calls of ${CALLS[kind]}`))) return false;
      await site.close();
    }
  }
  return true;
}

if (values.help) {
  process.stdout.write(HELP);
} else {
  say(`seed ${seed}`);
  const isGood = (await runKills()) && (await runCuts()) && (!values.sweep || (await runSweep()));
  say(isGood ? 'nothing lost, doubled or invented' : 'SOMETHING IS WRONG');
  process.exit(isGood ? 0 : 1);
}
