/**
 * Plays a scenario: wearables on virtual controllers, one for each home, measure their people, and things go wrong when
 * the scenario says so. Time is a clock that the runner sets from event to event, so ten hours pass as fast as the hosts
 * can hear them. Every measurement is told as ground truth before its wearable has it.
 */
import type { Instant } from '../../protocol/time.ts';
import { createPerson } from '../body/physiology.ts';
import { applyFault, type FaultTarget, type Undo } from '../hci/faults.ts';
import type { SimClock } from '../hci/sim-clock.ts';
import type { VirtualController } from '../hci/virtual-controller.ts';
import { createRandom, numberAt } from '../random.ts';
import { watchArrivals } from './arrivals.ts';
import { expandScenario, type Plan, type PlannedHome, type Step, type Target } from './expand.ts';
import { type Counts, Outcomes } from './outcomes.ts';
import { createRunDevice, type RunDevice } from './run-device.ts';
import type { Scenario } from './scenario.ts';
import type { TruthWriter } from './truth.ts';
import { createWaits, type WaitLimits } from './waits.ts';

export interface OpenHome {
  /** Its clock has to be that of the run. The one who opened it closes it. */
  readonly controller: VirtualController;
  /** For faults of the adapter; without it those are refused. */
  readonly transport?: NonNullable<FaultTarget['transport']>;
}

export interface ScenarioOptions {
  readonly scenario: Scenario;
  /** Called once for each home, in order. Wearables are put on the air when all are open. */
  readonly openController: (home: PlannedHome) => OpenHome | Promise<OpenHome>;
  readonly clock: SimClock;
  readonly truth?: TruthWriter;
  /**
   * Awaited when everybody is on the air and before anything is measured, whenever a fault was undone, and at the end:
   * for a caller who knows better than the runner when the hosts are ready.
   */
  readonly settle?: (when: 'start' | 'undone' | 'end') => Promise<void>;
  /** Resolves when it is time for an instant; at once by default. */
  readonly pace?: (instant: Instant) => Promise<void>;
  readonly limits?: Partial<WaitLimits>;
}

export interface RunningScenario {
  /** Who is on the air, as planned, in the order of the scenario. */
  readonly plan: Plan;
  readonly devices: readonly RunDevice[];
  /** Resolves when everything that can be delivered was, or was waited for in vain. Rejects when a caller's hook does. */
  readonly done: Promise<ScenarioResult>;
  /** Ends before the next instant. Resolves as `done` does. */
  stop(): Promise<ScenarioResult>;
}

export interface ScenarioResult extends Counts {
  readonly stopped: boolean;
  readonly faults: number;
  readonly byDevice: Readonly<Record<string, Counts>>;
}

type FaultStep = Extract<Step, { kind: 'fault' }>;
type MeasureStep = Extract<Step, { kind: 'measure' }>;

/** Stream of random numbers of faults. */
const CHANCE = 51;

export async function startScenario(options: ScenarioOptions): Promise<RunningScenario> {
  const { scenario, openController, clock, truth = () => undefined } = options;
  const plan = expandScenario(scenario);
  clock.set(plan.startAt);
  const homes = new Map<string, OpenHome>();
  for (const home of plan.homes) homes.set(home.id, await openController(home));

  const outcomes = new Outcomes((n, why) => {
    truth({ line: 'outcome', n, delivered: why === undefined, ...(why && { why }), at: clock.now() });
  });
  const persons = new Map(plan.persons.map((one) => [one.id, { plan: one, body: createPerson(one.seed, one) }]));
  const devices = new Map<string, RunDevice>();
  for (const device of plan.devices) {
    const { plan: wearer, body: person } = persons.get(device.person)!;
    const made = createRunDevice({ plan: device, wearer, person, startedAt: plan.startAt, outcomes });
    devices.set(device.id, made);
    homes.get(device.home)!.controller.add(made.peripheral);
  }
  const unwatch = watchHomes(homes, devices);
  let stopped = false;
  const stopAsked = Promise.withResolvers<void>();
  const done = play();
  // Whoever does not look at it until the end is not to lose the process over it.
  done.catch(() => undefined);
  return {
    plan,
    devices: [...devices.values()],
    done,
    stop() {
      stopped = true;
      stopAsked.resolve();
      return done;
    },
  };

  async function play(): Promise<ScenarioResult> {
    const active = new Map<number, { readonly step: FaultStep; readonly undo: Undo }>();
    let faults = 0;
    const isTroubled = ({ plan: { id, home } }: RunDevice) =>
      [...active.values()].some(({ step: { target } }) =>
        'device' in target ? target.device === id : target.home === home,
      );
    const waits = createWaits({
      devices: [...devices.values()],
      isTroubled,
      isStopped: () => stopped,
      ...(options.limits && { limits: options.limits }),
    });

    async function strike(step: FaultStep): Promise<void> {
      const { fault, target, at, until, key } = step;
      const line = { line: 'fault', fault, ...target, from: at, to: until } as const;
      try {
        const undo = applyFault(fault, targetOf(target), createRandom(numberAt(plan.seed, CHANCE, key) * 2 ** 32));
        active.set(key, { step, undo });
        faults++;
        truth(line);
        if (fault.kind === 'adapter-off') await waits.forAdapter();
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        truth({ ...line, refused: error.message });
      }
    }

    function undo(key: number): boolean {
      const found = active.get(key);
      active.delete(key);
      found?.undo();
      return found !== undefined;
    }

    /** All of one instant: told in order, whatever the hosts do, and then delivered together. */
    async function measure(steps: readonly MeasureStep[]): Promise<void> {
      await waits.untilHeard(steps.map(({ device }) => devices.get(device)!));
      const deliveries: Promise<void>[] = [];
      for (const { device: id, at, n } of steps) {
        const device = devices.get(id)!;
        const { address, person: patient, home } = device.plan;
        const prepared = await device.prepare(at);
        const what = { device: id, address, patient, home, keeps: device.keeps, measuredAt: at };
        truth({ line: 'measured', n, ...what, vitals: prepared.taken.vitals, raw: prepared.raw });
        deliveries.push(waits.forDelivery(device, device.measure(n, prepared)));
      }
      await Promise.all(deliveries);
    }

    try {
      await options.settle?.('start');
      await waits.untilHeard([...devices.values()]);
      for (const together of byInstant(plan.steps)) {
        const { at } = together[0]!;
        if (options.pace) await Promise.race([options.pace(at), stopAsked.promise]);
        if (stopped) break;
        clock.set(at);
        let undone = false;
        for (const step of together) {
          if (step.kind === 'undo') undone = undo(step.key) || undone;
          if (step.kind === 'fault') await strike(step);
        }
        if (undone) await options.settle?.('undone');
        await measure(together.filter((step) => step.kind === 'measure'));
      }
      for (const key of [...active.keys()]) undo(key);
      if (!stopped) {
        clock.set(plan.endAt);
        await options.settle?.('end');
        await waits.untilNothingKept(() => outcomes.kept);
      }
      outcomes.end(stopped ? 'stopped' : 'ended');
    } finally {
      for (const key of [...active.keys()]) undo(key);
      unwatch();
    }
    const byDevice = outcomes.byDevice;
    return { stopped, faults, byDevice, ...totalOf(Object.values(byDevice)) };
  }

  function targetOf(target: Target): FaultTarget {
    const device = 'device' in target ? devices.get(target.device) : undefined;
    const home = 'home' in target ? target.home : device!.plan.home;
    return { ...homes.get(home)!, ...(device && { device: device.peripheral }) };
  }
}

function watchHomes(homes: ReadonlyMap<string, OpenHome>, devices: ReadonlyMap<string, RunDevice>): () => void {
  const byPeripheral = new Map([...devices.values()].map((one) => [one.peripheral, one]));
  const ends = [...homes.entries()].map(([id, { controller }]) => {
    const broadcasters = [...devices.values()].filter(({ plan, keeps }) => plan.home === id && keeps === 'broadcast');
    return watchArrivals(controller, {
      onValue: (peripheral, handle, value) => byPeripheral.get(peripheral)?.onValue(handle, value),
      onAdvertisement(address, report) {
        for (const one of broadcasters) if (one.peripheral.address === address) one.onAdvertisement(report);
      },
    });
  });
  return () => ends.forEach((end) => void end());
}

function* byInstant(steps: readonly Step[]): Generator<readonly Step[]> {
  for (let from = 0; from < steps.length; ) {
    let to = from + 1;
    while (steps[to]?.at === steps[from]!.at) to++;
    yield steps.slice(from, to);
    from = to;
  }
}

function totalOf(all: readonly Counts[]): Counts {
  const sum = (name: keyof Counts) => all.reduce((total, counts) => total + counts[name], 0);
  return {
    measured: sum('measured'),
    delivered: sum('delivered'),
    unheard: sum('unheard'),
    lost: sum('lost'),
    kept: sum('kept'),
    abandoned: sum('abandoned'),
  };
}
