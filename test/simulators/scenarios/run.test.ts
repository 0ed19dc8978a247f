import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeHex } from '../../../protocol/bytes.ts';
import { decimalToString, isDecimal } from '../../../protocol/decimal.ts';
import { type ReadingContext, readingsOf } from '../../../protocol/gatt/readings.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../../simulators/hci/virtual-controller.ts';
import type { VirtualTransport } from '../../../simulators/hci/virtual-transport.ts';
import { SCENARIO_KINDS } from '../../../simulators/scenarios/kinds.ts';
import { startScenario } from '../../../simulators/scenarios/run.ts';
import { parseScenario, type Scenario } from '../../../simulators/scenarios/scenario.ts';
import type { TruthLine } from '../../../simulators/scenarios/truth.ts';
import type { WaitLimits } from '../../../simulators/scenarios/waits.ts';
import { openRadioWorld, type RadioWorld } from '../../support/radio-world.ts';

type Measured = Extract<TruthLine, { line: 'measured' }>;
type Outcome = Extract<TruthLine, { line: 'outcome' }>;

const ALONE: WaitLimits = {
  reconnectMs: 0,
  deliveryMs: 5000,
  troubledMs: 5000,
  broadcastMs: 0,
  adapterMs: 0,
  drainMs: 0,
};

/** Five minutes of two people with one wearable of each kind. */
function scenarioOf(timeline: readonly object[] = [], more: object = {}): Scenario {
  const everyS: Readonly<Record<string, number>> = { strap: 5, oximeter: 5, 'running-pod': 10, 'cycling-sensor': 10 };
  const parsed = parseScenario({
    title: 'Five minutes',
    seed: 7,
    startAt: '2026-03-02T08:00:00+01:00',
    hours: 5 / 60,
    persons: [
      { id: 'ada', conditions: [{ kind: 'exercise', activity: 'running', intensity: 0.5, from: 'PT0S', for: 'PT1H' }] },
      { id: 'ben', conditions: [{ kind: 'exercise', activity: 'cycling', intensity: 0.5, from: 'PT0S', for: 'PT1H' }] },
    ],
    homes: [{ id: 'home-1', zoneMin: 60, persons: ['ada', 'ben'] }],
    wearables: SCENARIO_KINDS.map((kind, i) => ({
      id: `${kind}-1`,
      kind,
      person: kind === 'cycling-sensor' || i % 2 === 1 ? 'ben' : 'ada',
      everyS: everyS[kind] ?? 60,
    })),
    timeline,
    ...more,
  });
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return parsed.scenario;
}

const measuredOf = (lines: readonly TruthLine[]) => lines.filter((line): line is Measured => line.line === 'measured');
const outcomesOf = (lines: readonly TruthLine[]) =>
  new Map(lines.filter((line): line is Outcome => line.line === 'outcome').map((line) => [line.n, line]));

/** Numbers as the agent reads them. */
function numbersIn(characteristic: number, octets: Uint8Array, context: ReadingContext) {
  return readingsOf(characteristic, octets, context).flatMap(({ vital, value, unit, components }) =>
    [{ vital, value }, ...(components ?? [])].flatMap((part) =>
      part.value !== undefined && isDecimal(part.value)
        ? [{ mdc: part.vital, value: decimalToString(part.value), unit }]
        : [],
    ),
  );
}

/** A run that nobody hears. */
async function runAlone(scenario: Scenario): Promise<TruthLine[]> {
  const lines: TruthLine[] = [];
  const clock = createSimClock(0);
  const run = await startScenario({
    scenario,
    clock,
    openController: () => ({ controller: new VirtualController({ clock }) }),
    truth: (line) => void lines.push(line),
    limits: ALONE,
  });
  await run.done;
  return lines;
}

const FAULTS = [
  { at: 'PT1M', devices: 'strap-*', fault: 'supervision-timeout', for: 'PT1M' },
  { at: 'PT1M', devices: 'cuff-1', fault: 'supervision-timeout', for: 'PT3M' },
  {
    every: 'PT1M',
    jitter: 0.5,
    devices: 'oximeter-1',
    fault: { kind: 'lost-notifications', probability: 0.5 },
    for: 'PT20S',
  },
  { at: 'PT3M', devices: 'strap-1', fault: 'doubled-notifications', for: 'PT30S' },
  { at: 'PT4M', devices: 'strap-1', fault: 'reordered-notifications', for: 'PT20S' },
  { at: 'PT2M', devices: 'running-pod-1', fault: { kind: 'malformed-values', how: 'trailing' }, for: 'PT30S' },
];

describe('a scenario that is played to nobody', () => {
  const hashOf = (lines: readonly TruthLine[]) => createHash('sha256').update(JSON.stringify(lines)).digest('hex');

  it('tells the same truth, octet for octet, whenever it is played; another with another seed', async () => {
    const [one, two] = [await runAlone(scenarioOf(FAULTS)), await runAlone(scenarioOf(FAULTS))];
    expect(hashOf(two)).toBe(hashOf(one));
    expect(hashOf(await runAlone(scenarioOf(FAULTS, { seed: 8 })))).not.toBe(hashOf(one));
  });

  it('says of each value what became of it, and of each fault from when to when', async () => {
    const lines = await runAlone(
      scenarioOf([...FAULTS, { at: 'PT2M', homes: '*', fault: 'adapter-off', for: 'PT1M' }]),
    );
    const outcomes = outcomesOf(lines);
    for (const { n, keeps } of measuredOf(lines)) {
      expect(outcomes.get(n)).toMatchObject({ delivered: false, why: keeps === 'stored' ? 'kept' : 'unheard' });
    }
    expect(outcomes.size).toBe(measuredOf(lines).length);
    const faults = lines.filter((line) => line.line === 'fault');
    expect(faults).toHaveLength(11);
    for (const { from, to } of faults) expect(to).toBeGreaterThan(from);
    expect(faults.filter(({ refused }) => refused !== undefined)).toMatchObject([
      { fault: { kind: 'adapter-off' }, home: 'home-1', refused: 'the fault adapter-off needs a transport' },
    ]);
  });

  it('gives vital signs as its octets say them', async () => {
    const seen = new Set<string>();
    for (const { raw, keeps, vitals, device } of measuredOf(await runAlone(scenarioOf()))) {
      const [first] = raw;
      const numbers = raw.flatMap((value, i) => {
        const characteristic = Number.parseInt(value.characteristic, 16);
        // Counters are no readings.
        if (characteristic === 0x2a5b) return [];
        return numbersIn(characteristic, decodeHex(value.hex), {
          ...(keeps === 'broadcast' && { carrier: 'service-data' }),
          ...(i > 0 && { companion: decodeHex(first!.hex) }),
        });
      });
      expect(numbers, device).toEqual(expect.arrayContaining([...vitals]));
      expect(numbers.length, device).toBe(vitals.length);
      seen.add(device);
    }
    expect(seen.size).toBe(SCENARIO_KINDS.length);
  });
});

describe('a scenario that the radio hears', () => {
  let world: RadioWorld;
  afterEach(() => world?.close());

  async function start(scenario: Scenario, onTruth: (line: TruthLine) => void = () => undefined) {
    world = await openRadioWorld();
    const lines: TruthLine[] = [];
    const run = await startScenario({
      scenario,
      clock: world.clock,
      openController: () => ({
        controller: world.controller,
        transport: world.transport as unknown as VirtualTransport,
      }),
      truth(line) {
        lines.push(line);
        onTruth(line);
      },
    });
    return { run, lines };
  }

  /** Octets as the radio heard them, sorted. */
  const heardOf = (address: string) =>
    world.notifications
      .filter(({ device, characteristic }) => device === address && characteristic !== 0x2a19)
      .map(({ value }) => Buffer.from(value).toString('hex'))
      .sort();

  it('delivers exactly what it says, through faults', async () => {
    const { run, lines } = await start(scenarioOf(FAULTS));
    const result = await run.done;
    const outcomes = outcomesOf(lines);
    expect(result).toMatchObject({ stopped: false, faults: 10, kept: 0, abandoned: 0, measured: outcomes.size });
    for (const { plan, keeps } of run.devices) {
      if (keeps === 'broadcast') continue;
      const measured = measuredOf(lines).filter(({ device }) => device === plan.id);
      const delivered = measured.filter(({ n }) => outcomes.get(n)!.delivered);
      const hex = delivered.flatMap(({ raw }) => raw.map((value) => value.hex)).sort();
      // What is malformed is heard, and is no value of the truth; what is doubled is heard twice.
      const spoiled = plan.id === 'running-pod-1';
      const known = new Set(measured.flatMap(({ raw }) => raw.map((value) => value.hex)));
      const heard = heardOf(plan.address).filter((value) => !spoiled || known.has(value));
      if (plan.id === 'strap-1') expect([...new Set(heard)]).toEqual([...new Set(hex)]);
      else expect(heard, plan.id).toEqual(hex);
    }
    expect(heardOf(run.devices[0]!.plan.address).length).toBe(result.byDevice['strap-1']!.delivered + 6);
  });

  it('has wearables keep what was measured out of range until it is delivered, and lose what is live', async () => {
    const { run, lines } = await start(scenarioOf(FAULTS));
    const { byDevice } = await run.done;
    expect(byDevice['cuff-1']).toEqual({ measured: 5, delivered: 5, unheard: 0, lost: 0, kept: 0, abandoned: 0 });
    expect(byDevice['strap-1']).toMatchObject({ measured: 60, delivered: 48, unheard: 12, lost: 0 });
    expect(byDevice['running-pod-1']).toMatchObject({ measured: 30, delivered: 27, unheard: 0, lost: 3 });
    expect(byDevice['oximeter-1']!.lost).toBeGreaterThan(0);
    const outcomes = outcomesOf(lines);
    for (const { n, device, measuredAt } of measuredOf(lines)) {
      const { at, delivered, why } = outcomes.get(n)!;
      const away = measuredAt >= run.plan.startAt + 60_000 && measuredAt < run.plan.startAt + 120_000;
      if (device === 'strap-1') expect([delivered, why]).toEqual(away ? [false, 'unheard'] : [true, undefined]);
      if (device === 'cuff-1' && away) expect(at).toBeGreaterThanOrEqual(run.plan.startAt + 240_000);
    }
  });

  it('tells the truth before the wearable has it', async () => {
    const early: string[] = [];
    const { run, lines } = await start(scenarioOf(), (line) => {
      if (line.line !== 'measured') return;
      const heard = heardOf(line.address);
      const before = measuredOf(lines).filter(({ device, n }) => device === line.device && n < line.n);
      const octets = before.flatMap(({ raw }) => raw.map(({ hex }) => hex));
      if (heard.length > octets.length) early.push(line.device);
    });
    const { delivered, measured } = await run.done;
    expect(early).toEqual([]);
    expect(delivered).toBe(measured);
  });

  it('ends midway when it is stopped, and leaves nothing broken behind', async () => {
    const midway = Promise.withResolvers<void>();
    const { run, lines } = await start(scenarioOf(FAULTS), (line) => {
      if (line.line === 'measured' && line.measuredAt >= Date.UTC(2026, 2, 2, 7, 1, 30)) midway.resolve();
    });
    await midway.promise;
    const result = await run.stop();
    expect(await run.done).toBe(result);
    expect(result.stopped).toBe(true);
    expect(result.measured).toBeGreaterThan(50);
    expect(result.measured).toBeLessThan(150);
    expect(outcomesOf(lines).size).toBe(measuredOf(lines).length);
    for (const { peripheral } of run.devices) expect(peripheral.advertises || peripheral.connected).toBe(true);
  });

  it('fails when the hook of its caller does', async () => {
    world = await openRadioWorld();
    const run = await startScenario({
      scenario: scenarioOf(),
      clock: world.clock,
      openController: () => world as { controller: VirtualController },
      truth() {
        throw new Error('the disk is full');
      },
    });
    await expect(run.done).rejects.toThrow('the disk is full');
  });
});
