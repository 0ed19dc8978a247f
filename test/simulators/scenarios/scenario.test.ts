import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FAULT_KINDS } from '../../../simulators/hci/fault-kinds.ts';
import { parseDuration } from '../../../simulators/scenarios/duration.ts';
import { expandScenario, type Plan } from '../../../simulators/scenarios/expand.ts';
import { TARGETS } from '../../../simulators/scenarios/fault-schema.ts';
import { SCENARIO_KINDS } from '../../../simulators/scenarios/kinds.ts';
import { makeHundred } from '../../../simulators/scenarios/make-hundred.ts';
import { parseScenario, type Scenario } from '../../../simulators/scenarios/scenario.ts';

const FOLDER = fileURLToPath(new URL('../../../simulators/scenarios/', import.meta.url));
const shipped = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const contentOf = (name: string): unknown => JSON.parse(readFileSync(`${FOLDER}${name}`, 'utf8'));
const MINUTE = 60_000;
const START = Date.UTC(2026, 2, 2, 6);

const SMALL = {
  title: 'Small',
  seed: 7,
  startAt: '2026-03-02T07:00:00+01:00',
  hours: 1,
  persons: [{ id: 'ada' }],
  homes: [{ id: 'home-1', persons: ['ada'] }],
  wearables: [
    { id: 'strap-1', kind: 'strap', person: 'ada', everyS: 5 },
    { id: 'cgm-1', kind: 'cgm', person: 'ada', everyS: 300 },
  ],
};

function scenarioOf(value: unknown): Scenario {
  const parsed = parseScenario(value);
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return parsed.scenario;
}

function problemsOf(value: unknown): readonly string[] {
  const parsed = parseScenario(value);
  return 'problems' in parsed ? parsed.problems : [];
}

const planOf = (more: object = {}): Plan => expandScenario(scenarioOf({ ...SMALL, ...more }));
const faultsOf = (plan: Plan) => plan.steps.filter((step) => step.kind === 'fault');

describe('a duration', () => {
  it.each([
    ['PT0S', 0],
    ['PT90S', 90_000],
    ['PT1H30M', 90 * MINUTE],
    ['P1DT6H', 30 * 60 * MINUTE],
  ])('%s is read', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', 'P', 'PT', 'P1', '1H', 'PT1.5H', 'P1W', 'P1M', 'PT-1S', 'PT1H ', 'P1DT'])('%j is refused', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('a scenario file', () => {
  it.each(shipped)('%s is in order', (name) => expect(problemsOf(contentOf(name))).toEqual([]));

  it('in the README is in order', () => {
    const [, text] = /```json\n(\{\n {2}"title"[^`]+)```/.exec(readFileSync(`${FOLDER}../README.md`, 'utf8')) ?? [];
    expect(problemsOf(JSON.parse(text!))).toEqual([]);
  });

  it('of a hundred wearables is what its generator makes: all kinds, all faults, 200,000 values', () => {
    const content = contentOf('a-hundred-wearables.json');
    expect(content).toEqual(JSON.parse(JSON.stringify(makeHundred())));
    const plan = expandScenario(scenarioOf(content));
    expect([plan.devices.length, plan.persons.length, plan.homes.length]).toEqual([100, 20, 10]);
    expect(new Set(plan.devices.map(({ kind }) => kind)).size).toBe(SCENARIO_KINDS.length);
    expect(new Set(plan.devices.map(({ address }) => address)).size).toBe(100);
    expect(new Set(faultsOf(plan).map(({ fault }) => fault.kind)).size).toBe(FAULT_KINDS.length);
    const count = plan.steps.filter(({ kind }) => kind === 'measure').length;
    expect(count).toBeGreaterThan(190_000);
    expect(count).toBeLessThan(210_000);
  });

  it('in which everything goes wrong has every kind of fault', () => {
    const plan = expandScenario(scenarioOf(contentOf('everything-goes-wrong.json')));
    expect(new Set(faultsOf(plan).map(({ fault }) => fault.kind)).size).toBe(FAULT_KINDS.length);
  });

  it('is refused with all that is wrong with its form', () => {
    const problems = problemsOf({
      ...SMALL,
      seed: -1,
      startAt: 'today',
      hours: 0,
      extra: true,
      wearables: [{ id: 'Strap 1', kind: 'sundial', person: 'ada', everyS: 0.5 }],
      timeline: [{ at: '10 minutes', devices: 'strap-1', fault: 'meteorite' }],
    });
    const places = problems.map((problem) => problem.split(':')[0]);
    for (const place of ['seed', 'startAt', 'hours', 'scenario', 'timeline[0].at', 'timeline[0].fault.kind']) {
      expect(places).toContain(place);
    }
    for (const member of ['id', 'kind', 'everyS']) expect(places).toContain(`wearables[0].${member}`);
    expect(problems.join()).not.toContain('sundial');
  });

  it('is refused with all that it refers to and that is not there', () => {
    const problems = problemsOf({
      ...SMALL,
      persons: [{ id: 'ada' }, { id: 'ada' }],
      homes: [
        { id: 'home-1', persons: ['ada', 'eve'] },
        { id: 'home-2', persons: ['ada'] },
      ],
      wearables: [
        { id: 'strap-1', kind: 'strap', person: 'bob', everyS: 5 },
        { id: 'cgm-1', kind: 'cgm', person: 'ada', everyS: 90 },
      ],
      timeline: [
        { devices: 'strap-1', fault: 'mtu' },
        { at: 'PT1M', every: 'PT1M', devices: 'strap-1', fault: 'mtu' },
        { at: 'PT1M', fault: 'mtu' },
        { at: 'PT1M', devices: 'cuff-*', fault: 'mtu' },
        { at: 'PT1M', homes: 'home-9', fault: 'adapter-off' },
        { at: 'PT1M', homes: 'home-1', fault: 'supervision-timeout' },
        { at: 'PT1M', devices: 'strap-1', fault: 'adapter-off' },
        { at: 'PT1M', devices: 'strap-1', fault: 'address-rotation' },
        { every: 'PT2M', jitter: 0.6, devices: 'strap-1', fault: 'mtu', for: 'PT1M' },
        { at: 'PT1M', from: 'PT1M', devices: 'strap-1', fault: 'mtu' },
      ],
    });
    expect(problems).toEqual([
      'persons[1].id: is there twice',
      'homes[0].persons: nobody is eve',
      'homes[1].persons: ada lives in two places',
      'wearables[0].person: bob lives in no home',
      'wearables[1].everyS: a cgm counts whole minutes',
      'timeline[0]: has to have either at or every',
      'timeline[1]: has to have either at or every',
      'timeline[2]: has to have either devices or homes',
      'timeline[3]: names no device',
      'timeline[4]: names no home',
      'timeline[5]: supervision-timeout befalls devices',
      'timeline[6]: adapter-off befalls homes',
      'timeline[7]: a device that rotates its address has options.security.identity rotates',
      'timeline[8]: comes again before it has ended',
      'timeline[9]: from and until go with every',
    ]);
  });

  it.each(FAULT_KINDS)('can name the fault %s, alone or with what it has to have', (kind) => {
    const options: Readonly<Record<string, object>> = {
      'drop-at-packet': { packet: 3 },
      'att-error': { code: 14 },
      'malformed-values': { how: 'random' },
      latency: { turns: 2 },
    };
    const target = TARGETS[kind] === 'home' ? { homes: '*' } : { devices: 'strap-1' };
    const wearables = [{ ...SMALL.wearables[0], options: { security: { identity: 'rotates' } } }];
    const fault = options[kind] ? { kind, ...options[kind] } : kind;
    expect(problemsOf({ ...SMALL, wearables, timeline: [{ at: 'PT1M', ...target, fault }] })).toEqual([]);
    const unknown = { kind, ...options[kind], unknown: 1 };
    expect(problemsOf({ ...SMALL, wearables, timeline: [{ at: 'PT1M', ...target, fault: unknown }] })).toHaveLength(1);
    if (options[kind]) {
      expect(problemsOf({ ...SMALL, wearables, timeline: [{ at: 'PT1M', ...target, fault: kind }] })).toHaveLength(1);
    }
  });
});

describe('expandScenario', () => {
  const timeline = [{ every: 'PT10M', jitter: 0.5, devices: 'strap-*', fault: 'lost-notifications', for: 'PT1M' }];

  it('follows from the scenario alone, byte for byte, and is another with another seed', () => {
    const one = JSON.stringify(planOf({ timeline }));
    expect(JSON.stringify(planOf({ timeline }))).toBe(one);
    const other = planOf({ timeline, seed: 8 });
    expect(JSON.stringify(other)).not.toBe(one);
    expect(other.persons[0]!.seed).not.toBe(planOf().persons[0]!.seed);
    expect(other.devices[0]!.address).not.toBe(planOf().devices[0]!.address);
    expect(faultsOf(other).map(({ at }) => at)).not.toEqual(faultsOf(planOf({ timeline })).map(({ at }) => at));
  });

  it('measures at the rates asked for, on whole seconds, a cgm on whole minutes', () => {
    const { steps, startAt, endAt } = planOf();
    expect([startAt, endAt]).toEqual([START, START + 60 * MINUTE]);
    const measured = steps.filter((step) => step.kind === 'measure');
    expect(measured.map(({ n }) => n)).toEqual(measured.map((_, n) => n));
    const at = (id: string) => measured.filter(({ device }) => device === id).map((step) => step.at);
    expect(at('strap-1')).toHaveLength(720);
    expect(at('cgm-1')).toHaveLength(12);
    expect(at('strap-1').every((instant, i, all) => i === 0 || instant - all[i - 1]! === 5000)).toBe(true);
    expect(at('strap-1').every((instant) => instant % 1000 === 0)).toBe(true);
    expect(at('cgm-1').every((instant) => instant % MINUTE === 0)).toBe(true);
    expect(measured.every((step) => step.at >= startAt && step.at < endAt)).toBe(true);
  });

  it('is in order of time: undone, struck, measured', () => {
    const { steps } = planOf({
      timeline: [
        { at: 'PT10M', devices: 'strap-1', fault: 'mtu', for: 'PT10M' },
        { at: 'PT20M', devices: 'strap-1', fault: 'mtu' },
      ],
    });
    expect(steps.every(({ at }, i) => i === 0 || at >= steps[i - 1]!.at)).toBe(true);
    const together = steps.filter(({ at }) => at === START + 20 * MINUTE).map(({ kind }) => kind);
    expect(together.slice(0, 2)).toEqual(['undo', 'fault']);
    expect(steps.at(-1)).toMatchObject({ kind: 'undo', at: START + 60 * MINUTE });
  });

  it('strikes again and again within its limits, each target in a rhythm of its own', () => {
    const wearables = [1, 2].map((n) => ({ id: `strap-${n}`, kind: 'strap', person: 'ada', everyS: 60 }));
    const one = { ...timeline[0], from: 'PT5M', until: 'PT45M' };
    const faults = faultsOf(planOf({ wearables, timeline: [one] }));
    const at = (id: string) =>
      faults.filter(({ target }) => 'device' in target && target.device === id).map((fault) => fault.at - START);
    expect(at('strap-1')).not.toEqual(at('strap-2'));
    for (const id of ['strap-1', 'strap-2']) {
      expect(at(id)).toHaveLength(4);
      for (const [turn, instant] of at(id).entries()) {
        expect(Math.abs(instant - (10 + 10 * turn) * MINUTE)).toBeLessThanOrEqual(2.5 * MINUTE);
      }
    }
    expect(faults.every((fault) => fault.until - fault.at === MINUTE)).toBe(true);
  });
});
