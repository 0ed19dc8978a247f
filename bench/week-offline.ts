/** One agent that was without a network for a week, four vital signs a second, and then drains. */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createEnrolmentCode } from '../ingest-service/enrolment.ts';
import { openOperatorRecord } from '../ingest-service/operator.ts';
import { ALL_CLASSES } from '../protocol/consent-event.ts';
import { createSigner } from '../protocol/cose.ts';
import { vitalSignByName } from '../protocol/vital-signs.ts';
import { addressOf } from '../simulators/addresses.ts';
import { createPatientClient } from '../simulators/patient-client.ts';
import type { ServiceProcess } from './service-process.ts';
import { READINGS_A_SECOND, WEEK_VITALS, type WeekCommand, type WeekReport } from './week-messages.ts';

/** As `npm run agent` starts a program. */
const RUN = fileURLToPath(new URL('../run.mjs', import.meta.url));
const WEEK_AGENT = fileURLToPath(new URL('week-agent.ts', import.meta.url));

export interface WeekResult {
  readonly sent: number;
  readonly batches: number;
  /** From the moment the service listens again until every batch is held. */
  readonly heldMs: number;
  /** Until all of it is in the record and in the log. */
  readonly filedMs: number;
  readonly filed: number;
  /** How long the agent took to hear it all, as fast as it could. */
  readonly heardMs: number;
  /** Most memory of the agent's process while it gathered, and while it drained. */
  readonly gatheringPeakMiB: number;
  readonly drainingPeakMiB: number;
  readonly stateMiB: number;
}

/** Ends now, so that no clock is ahead. */
export async function measureWeek(
  service: ServiceProcess,
  data: string,
  folder: string,
  seconds: number,
  tell: (line: string) => void,
): Promise<WeekResult> {
  const store = openOperatorRecord(data);
  const signer = createSigner(new Uint8Array(randomBytes(32)));
  const { id: patient } = store.patients.admit(signer.publicKey, { name: 'Week (HTEST)', test: true });
  const weekStart = Date.now() - seconds * 1000 - 60_000;
  await createPatientClient(service.url, signer, Date.now).grant({
    action: 'collect',
    classes: [ALL_CLASSES],
    period: { from: weekStart - 1000 },
  });
  const address = addressOf('week');
  const code = createEnrolmentCode({ store, clock: Date.now }, [{ patient, address, addressType: 'random' }]);
  const args = [WEEK_AGENT, folder, service.url, code, address, String(weekStart)];
  const agent = fork(RUN, args, { execArgv: agentFlags() });
  const reports = listen(agent, tell);
  try {
    await reports.next('enrolled');
    await service.kill();
    tell('the service is away; a week passes');
    const hearFrom = performance.now();
    agent.send({ kind: 'hear', seconds } satisfies WeekCommand);
    const { readings: sent, batches, peakMiB: gatheringPeakMiB } = await reports.next('heard');
    const heardMs = performance.now() - hearFrom;
    tell(`${sent} readings wait in ${batches} batches; the service starts`);
    await service.start();
    const from = performance.now();
    await reports.next('drained');
    const heldMs = performance.now() - from;
    const record = store.patients.byId(patient)!;
    while (store.segments.countReadings(record) < seconds * READINGS_A_SECOND) {
      if (performance.now() - from > 3_600_000) break;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const filedMs = performance.now() - from;
    agent.send({ kind: 'stop' } satisfies WeekCommand);
    const { peakMiB: drainingPeakMiB, stateMiB } = await reports.next('stopped');
    const wanted = WEEK_VITALS.map((name) => vitalSignByName(name)!.mdc);
    const vitals = store.segments.vitalsOf(record);
    if (!wanted.every((mdc) => vitals.includes(mdc))) throw new Error('a vital sign is missing');
    const filed = store.segments.countReadings(record);
    return { sent, batches, heardMs, heldMs, filedMs, filed, gatheringPeakMiB, drainingPeakMiB, stateMiB };
  } finally {
    agent.kill();
    store.close();
  }
}

/** What `npm run agent` gives to Node: limits of the heap, without which nothing of its memory could be said. */
function agentFlags(): string[] {
  const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return (scripts.agent as string).split(' ').filter((word) => word.startsWith('--'));
}

/** Reports of the agent by kind; what is only progress is told at once. */
function listen(agent: ReturnType<typeof fork>, tell: (line: string) => void) {
  const ended = once(agent, 'exit').then(() => {
    throw new Error('the agent ended');
  });
  ended.catch(() => undefined);
  const waiting = new Map<WeekReport['kind'], PromiseWithResolvers<WeekReport>>();
  const slot = (kind: WeekReport['kind']) => {
    const known = waiting.get(kind) ?? Promise.withResolvers<WeekReport>();
    waiting.set(kind, known);
    return known;
  };
  agent.on('message', (report: WeekReport) => {
    if (report.kind === 'progress')
      tell(`${Math.round(report.seconds / 3600)} hours heard, ${report.rssMiB.toFixed(0)} MiB`);
    else if (report.kind === 'draining')
      tell(`${report.held} batches held, ${report.outbox} to go, ${report.rssMiB.toFixed(0)} MiB`);
    else slot(report.kind).resolve(report);
  });
  return {
    next: <K extends WeekReport['kind']>(kind: K) =>
      Promise.race([slot(kind).promise, ended]) as Promise<Extract<WeekReport, { kind: K }>>,
  };
}
