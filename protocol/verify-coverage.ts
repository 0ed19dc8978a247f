/**
 * Checks a certificate of coverage offline, step by step. *Green*: every step holds and every instant has a named state;
 * anything else is *red*, with the intervals that it concerns. Pure: the same code runs everywhere.
 */
import type { Verify } from './cose.ts';
import {
  type CertifiedDevice,
  type CoverageCertificate,
  openCertificate,
  readCertificate,
} from './coverage-certificate.ts';
import { type Finding, foldAgents, type ProvenAgent, proveAgent } from './coverage-evidence.ts';
import { checkLog } from './coverage-log.ts';
import { verifyEd25519 } from './ed25519.ts';
import { openEnrolment } from './enrolment.ts';
import { isFault } from './fault.ts';
import { openKeyEvent } from './key-event.ts';
import type { Trust } from './trust.ts';

/** In this order; each rests on the ones before. */
export const COVERAGE_STEPS = [
  'format',
  'service',
  'agents',
  'keys',
  'chain',
  'log',
  'leaves',
  'readings',
  'intervals',
  'known',
] as const;
export type CoverageStep = (typeof COVERAGE_STEPS)[number];

export interface CoverageStepResult {
  readonly step: CoverageStep;
  readonly holds: boolean;
  /** One sentence for people. */
  readonly says: string;
}

export interface CoverageVerdict {
  readonly verdict: 'green' | 'red';
  readonly steps: readonly CoverageStepResult[];
  /** Why it is red, where that has a time; in order. */
  readonly findings: readonly Finding[];
  /** What the certificate says; present when it could be read, and to be believed only if green. */
  readonly certificate?: CoverageCertificate;
}

/** What no certificate shows, said with every verdict. */
export const COVERAGE_NOT_SHOWN = [
  'that there was no other agent: who hears with two should see both in it',
  'that readings were doubles, or withheld for want of consent: that is the word of the service',
  'that readings are in the record until receipts of them are asked for, nor when batches came: that is its word, too',
  'that what an agent sent before its key was revoked, and was not filed by then, is all shown, and that no key of it was revoked: that is its word, too',
  'that a device which was given back was not paired again at the end of the interval',
  'what the device did while it was out of range, off or without a link',
  'that the sensor was right, or worn by the right person',
] as const;

/** A certificate begins like every COSE_Sign1: an array of four. A receipt is text. */
export function isCertificate(bytes: Uint8Array): boolean {
  return bytes[0] === 0x84;
}

/** Never throws for what the bytes hold. */
export function verifyCoverage(signed: Uint8Array, trust?: Trust, verify: Verify = verifyEd25519): CoverageVerdict {
  const steps: CoverageStepResult[] = [];
  const findings: Finding[] = [];
  const note = (step: CoverageStep, says: string, ...wrong: readonly Finding[]) => {
    const [first] = wrong;
    findings.push(...wrong);
    steps.push({ step, holds: first === undefined, says: first === undefined ? says : describe(first, wrong.length) });
  };
  const fail = (step: CoverageStep, says: string) => void steps.push({ step, holds: false, says });
  const judge = (certificate?: CoverageCertificate): CoverageVerdict => ({
    verdict: steps.every(({ holds }) => holds) ? 'green' : 'red',
    steps,
    findings: [...new Map(findings.map((one) => [JSON.stringify(one), one])).values()].toSorted(
      (a, b) => a.from - b.from || a.to - b.to,
    ),
    ...(certificate && { certificate }),
  });

  let certificate: CoverageCertificate;
  try {
    certificate = readCertificate(signed);
  } catch (error) {
    fail('format', `The certificate cannot be read: ${reasonOf(error)}.`);
    return judge();
  }
  note('format', 'The certificate is complete and well formed.');
  if (!trust) {
    fail('service', 'Whose word it is cannot be told without a trust file.');
    return judge(certificate);
  }
  try {
    openCertificate(signed, trust.service, verify);
    note('service', 'The service that you trust signed the certificate.');
  } catch (error) {
    fail('service', `The service that you trust did not sign it: ${reasonOf(error)}.`);
  }

  const { agents, wrong } = proveAgents(certificate, trust, verify);
  if (wrong?.[0] === 'agents') fail(...wrong);
  else note('agents', `${count(certificate.agents.length, 'agent')} that the service enrolled.`);
  if (wrong?.[0] === 'keys') fail(...wrong);
  else note('keys', countEvents(agents));
  const batches = agents.flatMap((agent) => agent.batches);
  const chain = agents.flatMap((agent) => agent.chain);
  note('chain', `${count(batches.length, 'batch', 'batches')} without a gap, each signed by its agent.`, ...chain);
  const inLog = checkLog(certificate, agents, trust, verify);
  if (typeof inLog === 'string') fail('log', inLog);
  else note('log', `All are among the ${inLog.size} entries of the log that you trust.`, ...inLog.missing);
  const leaves = agents.flatMap((agent) => agent.leaves);
  note('leaves', 'All that the agents said of the patient is shown.', ...leaves);
  const readings = agents.flatMap((agent) => agent.readings);
  note('readings', `${countReadings(agents)}`, ...readings);

  const derived = foldAgents(agents, certificate);
  if (sameDevices(derived, certificate.devices))
    note('intervals', 'The intervals follow from the batches and make up 100 %.');
  else fail('intervals', 'The intervals are not those that follow from the batches.');
  const unknown = derived.flatMap(({ intervals }) =>
    intervals
      .filter(({ state }) => state === 'unknown')
      .map(({ from, to }) => ({ from, to, says: 'Nobody says what was then.' })),
  );
  if (derived.length === 0) fail('known', 'No device is spoken of.');
  else note('known', 'Every instant has a state and a cause.', ...unknown);
  return judge(certificate);
}

interface Proven {
  readonly agents: readonly ProvenAgent[];
  /** Why there is none, and at which step. */
  readonly wrong?: readonly [step: 'agents' | 'keys', says: string];
}

/** All agents, or none where the service's word for one of them does not hold. */
function proveAgents(certificate: CoverageCertificate, { service }: Trust, verify: Verify): Proven {
  const failed = (step: 'agents' | 'keys', says: string): Proven => ({ agents: [], wrong: [step, says] });
  const agents: ProvenAgent[] = [];
  if (certificate.agents.length === 0) return failed('agents', 'No agent is shown.');
  for (const agent of certificate.agents) {
    let step: 'agents' | 'keys' = 'agents';
    try {
      const { agentKey } = openEnrolment(agent.enrolment, service, verify);
      step = 'keys';
      const events = agent.keyEvents.map(({ event, ...place }) => ({
        event: openKeyEvent(event, service, verify),
        ...place,
      }));
      agents.push(proveAgent(agent, agentKey, events, certificate, verify));
    } catch (error) {
      const what = step === 'agents' ? "The service's word for an agent" : "What became of an agent's key";
      return failed(step, `${what} does not hold: ${reasonOf(error)}.`);
    }
  }
  return { agents };
}

function countEvents(agents: readonly ProvenAgent[]): string {
  const events = agents.flatMap(({ keyEvents }) => keyEvents);
  if (events.length === 0) return 'Nothing in it says that a key was replaced or revoked.';
  const rotations = events.filter(({ event }) => event.type === 'rotation').length;
  const admissions = events.filter(({ event }) => event.type === 'admission').length;
  const revoked = events.flatMap(({ event, logIndex }) => (event.type === 'revocation' ? [(logIndex ?? -1) + 1] : []));
  const isOld = events.some(({ event }) => event.type === 'revocation' && !event.newest);
  const says = [
    rotations > 0 ? `${count(rotations, 'key')} named the next one and the last batch before it.` : '',
    revoked.length > 0 ? `${count(revoked.length, 'key')} revoked, at entry ${revoked.join(', ')} of the log.` : '',
    isOld
      ? 'Which batch was the last before that is not named, as in revocations of earlier versions: what is missing at the end would not show.'
      : '',
    admissions > 0 ? `${count(admissions, 'batch', 'batches')} let in after that by a decision of people.` : '',
  ];
  return says.filter((text) => text !== '').join(' ');
}

function countReadings(agents: readonly ProvenAgent[]): string {
  const sums = { held: 0, doubles: 0, withheld: 0 };
  for (const { certified, standing } of agents.flatMap(({ batches }) => batches)) {
    const { part } = certified;
    if (!part || standing !== 'counts') continue;
    for (const { count: n } of part.held) sums.held += n;
    sums.doubles += part.doubles;
    sums.withheld += part.withheld;
  }
  const { held, doubles, withheld } = sums;
  const others = [
    doubles > 0 ? `${doubles} came twice` : '',
    withheld > 0 ? `${withheld} withheld for want of consent` : '',
  ].filter((text) => text !== '');
  return `All ${held + doubles + withheld} readings are accounted for: ${[`${held} in the record`, ...others].join(', ')}.`;
}

function sameDevices(a: readonly CertifiedDevice[], b: readonly CertifiedDevice[]): boolean {
  const plain = (devices: readonly CertifiedDevice[]) =>
    JSON.stringify(
      devices.map(({ device, intervals }) => [
        [...device],
        intervals.map((one) =>
          Object.values({
            from: one.from,
            to: one.to,
            state: one.state,
            late: one.late,
            by: one.by,
          }),
        ),
      ]),
    );
  return plain(a) === plain(b);
}

function describe({ says }: Finding, number: number): string {
  return number === 1 ? says : `${says} And ${number - 1} more.`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function reasonOf(error: unknown): string {
  if (isFault(error)) return error.message;
  throw error;
}
