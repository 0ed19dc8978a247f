/**
 * Makes `a-hundred-wearables.json`: one hundred wearables of all kinds on twenty persons in ten homes, ten hours, every
 * kind of fault. `node run.mjs simulators/scenarios/make-hundred.ts > simulators/scenarios/a-hundred-wearables.json`
 */
import { fileURLToPath } from 'node:url';
import type { Fault } from '../hci/fault-kinds.ts';
import { createRandom } from '../random.ts';
import type { ScenarioKind } from './kinds.ts';

const SEED = 100;
const HOMES = 10;
const HOURS = 10;

/** Of one hundred, each with its seconds from one measurement to the next. */
const WEARABLES: readonly (readonly [kind: ScenarioKind, count: number, everyS: number])[] = [
  ['strap', 20, 5],
  ['oximeter', 10, 10],
  ['running-pod', 6, 15],
  ['cycling-sensor', 4, 30],
  ['health-sensor', 4, 60],
  ['cuff', 10, 1800],
  ['enhanced-cuff', 4, 3600],
  ['thermometer', 10, 900],
  ['cgm', 10, 300],
  ['glucose-meter', 6, 5400],
  ['scale', 6, 14_400],
  ['composition-scale', 4, 14_400],
  ['bthome', 4, 1800],
  ['mi-scale', 2, 14_400],
];

interface Event {
  readonly at?: string;
  readonly every?: string;
  readonly jitter?: number;
  readonly devices?: string;
  readonly homes?: string;
  readonly fault: Fault | Fault['kind'];
  readonly for?: string;
}

/** Every kind of fault; those that come again strike in a rhythm of their own. */
const TIMELINE: readonly Event[] = [
  { every: 'PT4H', jitter: 0.8, devices: 'strap-*', fault: 'supervision-timeout', for: 'PT10M' },
  { every: 'PT5H', jitter: 0.8, devices: 'cgm-*', fault: 'supervision-timeout', for: 'PT40M' },
  { every: 'PT5H', jitter: 0.6, devices: 'cuff-*', fault: 'supervision-timeout', for: 'PT1H' },
  { every: 'PT10H', jitter: 0.6, devices: 'thermometer-*', fault: 'supervision-timeout', for: 'PT2H' },
  { every: 'PT10H', jitter: 0.6, devices: 'glucose-meter-*', fault: 'supervision-timeout', for: 'PT2H' },
  { every: 'PT5H', jitter: 0.9, devices: 'strap-1*', fault: 'doubled-notifications', for: 'PT5M' },
  { every: 'PT5H', jitter: 0.9, devices: 'oximeter-*', fault: 'doubled-notifications', for: 'PT5M' },
  { every: 'PT10H', jitter: 0.9, devices: 'strap-0*', fault: { kind: 'late-notifications', by: 2 }, for: 'PT5M' },
  { every: 'PT10H', jitter: 0.9, devices: 'oximeter-*', fault: 'reordered-notifications', for: 'PT5M' },
  {
    every: 'PT10H',
    jitter: 0.9,
    devices: 'running-pod-*',
    fault: { kind: 'lost-notifications', probability: 0.2 },
    for: 'PT20M',
  },
  { every: 'PT10H', jitter: 0.9, devices: 'strap-*', fault: { kind: 'drop-at-packet', packet: 5 }, for: 'PT5M' },
  { every: 'PT10H', jitter: 0.8, homes: '*', fault: { kind: 'establishment-failure', times: 2 }, for: 'PT10M' },
  { at: 'PT1H', homes: 'home-01', fault: 'adapter-off', for: 'PT10M' },
  { at: 'PT6H', homes: 'home-06', fault: 'adapter-off', for: 'PT10M' },
  {
    at: 'PT2H',
    devices: 'strap-02',
    fault: { kind: 'malformed-values', how: 'random', probability: 0.5 },
    for: 'PT5M',
  },
  { at: 'PT2H', devices: 'oximeter-02', fault: { kind: 'malformed-values', how: 'trailing' }, for: 'PT5M' },
  { at: 'PT2H', devices: 'running-pod-02', fault: { kind: 'malformed-values', how: 'truncated' }, for: 'PT5M' },
  { at: 'PT3H', devices: 'oximeter-03', fault: { kind: 'att-error', code: 0x0e, opcode: 0x12, times: 2 }, for: 'PT5M' },
  { at: 'PT3H', devices: 'oximeter-03', fault: { kind: 'drop-at-packet', packet: 1 }, for: 'PT4M' },
  { at: 'PT3H', devices: 'running-pod-03', fault: { kind: 'no-answer', opcode: 0x0a, times: 1 }, for: 'PT5M' },
  { at: 'PT3H', devices: 'running-pod-03', fault: { kind: 'drop-at-packet', packet: 1 }, for: 'PT4M' },
  { at: 'PT4H', devices: 'running-pod-04', fault: 'missing-cccd', for: 'PT10M' },
  { at: 'PT4H', devices: 'running-pod-04', fault: { kind: 'drop-at-packet', packet: 1 }, for: 'PT9M' },
  { at: 'PT4H', devices: 'strap-04', fault: { kind: 'mtu', mtu: 23 }, for: 'PT30M' },
  { at: 'PT4H5M', devices: 'strap-04', fault: 'supervision-timeout', for: 'PT2M' },
  { at: 'PT5H', homes: 'home-05', fault: { kind: 'fragmentation', aclLength: 27 }, for: 'PT30M' },
  { at: 'PT5H', homes: 'home-05', fault: { kind: 'latency', turns: 3 }, for: 'PT10M' },
  { at: 'PT7H', devices: 'strap-07', fault: 'lost-keys' },
  { at: 'PT7H', devices: 'strap-20', fault: 'address-rotation' },
  { at: 'PT7H30M', homes: 'home-07', fault: { kind: 'credits-exhausted', packets: 4 }, for: 'PT5M' },
  { at: 'PT8H', homes: 'home-08', fault: { kind: 'scan-silence', evenRestarted: true }, for: 'PT10M' },
  { at: 'PT8H30M', devices: 'strap-08', fault: 'spoofed-twin', for: 'PT10M' },
  {
    at: 'PT8H30M',
    devices: 'strap-09',
    fault: { kind: 'spoofed-twin', address: 'f0:00:00:00:0b:ad' },
    for: 'PT10M',
  },
];

export function makeHundred(): unknown {
  const random = createRandom(SEED);
  const two = (n: number) => String(n).padStart(2, '0');
  const persons = Array.from({ length: 2 * HOMES }, (_, i) => ({
    id: `person-${two(i + 1)}`,
    conditions: conditionsOf(i, random),
  }));
  const homes = Array.from({ length: HOMES }, (_, i) => ({
    id: `home-${two(i + 1)}`,
    zoneMin: 60 * (i % 3),
    persons: [persons[2 * i]!.id, persons[2 * i + 1]!.id],
  }));
  let worn = 0;
  const wearables = WEARABLES.flatMap(([kind, count, everyS]) =>
    Array.from({ length: count }, (_, i) => {
      const id = `${kind}-${two(i + 1)}`;
      const options = id === 'strap-20' ? { options: { security: { identity: 'rotates' } } } : {};
      return { id, kind, person: persons[worn++ % persons.length]!.id, everyS, ...options };
    }),
  );
  return {
    title: 'A hundred wearables',
    seed: SEED,
    startAt: '2026-03-02T08:00:00Z',
    hours: HOURS,
    persons,
    homes,
    wearables,
    timeline: TIMELINE,
  };
}

/** Something for everybody, at times of their own. */
function conditionsOf(index: number, random: () => number): readonly object[] {
  const from = `PT${Math.floor(60 + 300 * random())}M`;
  const activity = (['running', 'cycling', 'walking'] as const)[index % 3];
  const exercise = { kind: 'exercise', activity, intensity: Math.round(30 + 60 * random()) / 100, from, for: 'PT45M' };
  switch (index % 5) {
    case 0:
      return [exercise, { kind: 'atrial-fibrillation', from: 'PT7H', for: 'PT50M' }];
    case 1:
      return [exercise, { kind: 'hypoglycemia', nadirMgDl: 50, from: 'PT8H', for: 'PT1H' }];
    case 2:
      return [{ kind: 'fever', riseC: 1.8, from: 'PT0S', for: 'PT24H' }];
    case 3:
      return [exercise, { kind: 'sleep', from: 'PT6H', for: 'PT1H30M' }];
    default:
      return [exercise, { kind: 'weight-trend', kgPerWeek: -0.6, from: 'PT0S', for: 'P14D' }];
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(makeHundred(), null, 2)}\n`);
}
