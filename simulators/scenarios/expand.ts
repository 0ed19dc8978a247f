/** From a scenario to a flat schedule: who measures when, and which fault holds from when to when. A pure function. */
import type { Instant } from '../../protocol/time.ts';
import { addressOf } from '../addresses.ts';
import type { Condition } from '../body/conditions.ts';
import type { Fault } from '../hci/fault-kinds.ts';
import { numberAt } from '../random.ts';
import type { ScenarioKind } from './kinds.ts';
import { matches, type Scenario, type ScenarioEvent, type ScenarioWearable } from './scenario.ts';

export interface PlannedPerson {
  readonly id: string;
  readonly home: string;
  readonly seed: number;
  readonly zoneMin: number;
  readonly conditions: readonly Condition[];
}

export interface PlannedHome {
  readonly id: string;
  readonly zoneMin: number;
  readonly maxLinks?: number;
  /** Ids, in the order of the scenario. */
  readonly persons: readonly string[];
  readonly devices: readonly string[];
}

export interface PlannedDevice {
  readonly id: string;
  readonly kind: ScenarioKind;
  /** Static random; one that rotates its address begins with this one. */
  readonly address: string;
  readonly person: string;
  readonly home: string;
  readonly everyMs: number;
  readonly options: ScenarioWearable['options'];
}

export type Target = { readonly device: string } | { readonly home: string };

export type Step =
  /** `n` counts the measurements of the whole scenario, from 0. */
  | { readonly kind: 'measure'; readonly at: Instant; readonly device: string; readonly n: number }
  | {
      readonly kind: 'fault';
      readonly at: Instant;
      /** Tells faults apart, and seeds what they leave to chance. */
      readonly key: number;
      readonly fault: Fault;
      readonly target: Target;
      /** When it is undone; the end where nothing else is said. */
      readonly until: Instant;
    }
  | { readonly kind: 'undo'; readonly at: Instant; readonly key: number };

export interface Plan {
  readonly seed: number;
  readonly startAt: Instant;
  readonly endAt: Instant;
  readonly persons: readonly PlannedPerson[];
  readonly homes: readonly PlannedHome[];
  readonly devices: readonly PlannedDevice[];
  /** In order of time; at one instant what is undone first, then faults, then measurements. */
  readonly steps: readonly Step[];
}

const HOUR_MS = 3_600_000;
const SECOND_MS = 1000;

/** Streams of random numbers, so that no two uses share one. */
const STREAM = { person: 1, phase: 2, fault: 3 };

const RANK: Readonly<Record<Step['kind'], number>> = { undo: 0, fault: 1, measure: 2 };

export function expandScenario(scenario: Scenario): Plan {
  const { seed, startAt, hours } = scenario;
  const endAt = startAt + Math.round(hours * HOUR_MS);
  const devices = scenario.wearables.map((wearable): PlannedDevice => {
    const { id, kind, person, everyS, options } = wearable;
    const home = scenario.homes.find(({ persons }) => persons.includes(person))!.id;
    return { id, kind, address: addressOf(`${seed} ${id}`), person, home, everyMs: everyS * SECOND_MS, options };
  });
  const persons = scenario.persons.flatMap(({ id, seed: own, conditions }, index): PlannedPerson[] => {
    const home = scenario.homes.find((one) => one.persons.includes(id));
    if (!home) return [];
    const body = own ?? Math.floor(numberAt(seed, STREAM.person, index) * 2 ** 32);
    const lived = conditions.map(({ from, for: length, ...condition }) => {
      return { ...condition, from: startAt + from, to: startAt + from + length } as Condition;
    });
    return [{ id, home: home.id, seed: body, zoneMin: home.zoneMin, conditions: lived }];
  });
  const homes = scenario.homes.map(({ id, zoneMin, maxLinks, persons: residents }): PlannedHome => {
    const worn = devices.filter(({ home }) => home === id).map((device) => device.id);
    return { id, zoneMin, persons: residents, devices: worn, ...(maxLinks !== undefined && { maxLinks }) };
  });
  const measured = devices.flatMap((device, index) => measurementsOf(device, index, { seed, startAt, endAt }));
  const measurements = measured.toSorted((a, b) => a.at - b.at).map((step, n) => ({ ...step, n }));
  const steps: Step[] = [...faultsOf(scenario, devices, endAt), ...measurements];
  steps.sort((a, b) => a.at - b.at || RANK[a.kind] - RANK[b.kind]);
  return { seed, startAt, endAt, persons, homes, devices, steps };
}

/** Begins within the first interval, on a whole second; a sensor that counts minutes on a whole minute. */
function measurementsOf(
  { id, kind, everyMs }: PlannedDevice,
  index: number,
  { seed, startAt, endAt }: Pick<Plan, 'seed' | 'startAt' | 'endAt'>,
) {
  const grain = kind === 'cgm' ? 60 * SECOND_MS : SECOND_MS;
  const phase = Math.floor((numberAt(seed, STREAM.phase, index) * everyMs) / grain) * grain;
  const first = Math.ceil(startAt / grain) * grain + phase;
  const count = Math.max(0, Math.ceil((endAt - first) / everyMs));
  return Array.from({ length: count }, (_, i) => ({
    kind: 'measure' as const,
    at: first + i * everyMs,
    device: id,
  }));
}

function faultsOf(scenario: Scenario, devices: readonly PlannedDevice[], endAt: Instant): Step[] {
  const { seed, startAt, timeline, homes } = scenario;
  const steps: Step[] = [];
  let key = 0;
  for (const [index, event] of timeline.entries()) {
    const { devices: wanted, homes: places, fault } = event;
    const targets: Target[] = [
      ...devices.filter(({ id }) => wanted !== undefined && matches(wanted, id)).map(({ id }) => ({ device: id })),
      ...homes.filter(({ id }) => places !== undefined && matches(places, id)).map(({ id }) => ({ home: id })),
    ];
    for (const [number, target] of targets.entries()) {
      const chance = (turn: number) => numberAt(seed, STREAM.fault, index, number, turn);
      for (const at of instantsOf(event, startAt, endAt, chance)) {
        const until = Math.min(event.for === undefined ? endAt : at + event.for, endAt);
        steps.push({ kind: 'fault', at, key, fault, target, until }, { kind: 'undo', at: until, key });
        key++;
      }
    }
  }
  return steps;
}

function instantsOf(
  { at, every, jitter, from = 0, until }: ScenarioEvent,
  startAt: Instant,
  endAt: Instant,
  chance: (turn: number) => number,
): Instant[] {
  const last = until === undefined ? endAt : Math.min(endAt, startAt + until);
  if (at !== undefined) return startAt + at < endAt ? [startAt + at] : [];
  if (every === undefined) return [];
  const instants: Instant[] = [];
  for (let turn = 0; ; turn++) {
    const middle = startAt + from + (turn + 0.5) * every;
    if (middle - every / 2 >= last) return instants;
    const instant = Math.round(middle + jitter * every * (chance(turn) - 0.5));
    if (instant < last) instants.push(instant);
  }
}
