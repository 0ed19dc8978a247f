/**
 * A scenario along the whole road: real agents with the real radio over virtual controllers, the service, the record and
 * the log, and then the comparison of what is filed with what the wearables measured.
 */

import { encodeHex } from '../../protocol/bytes.ts';
import { decimalToString, isDecimal } from '../../protocol/decimal.ts';
import { deviceHandle } from '../../protocol/keys.ts';
import type { ReadingLeaf } from '../../protocol/leaf.ts';
import { createSimClock } from '../hci/sim-clock.ts';
import { VirtualController } from '../hci/virtual-controller.ts';
import { openVirtualTransport } from '../hci/virtual-transport.ts';
import { admitPatient, consentToCollect, type SimulatedPatient } from '../patients.ts';
import { type Home, openWorld, type World } from '../world.ts';
import { type Attested, type AuditRow, auditScenario, type FiledValue } from './audit.ts';
import { expandScenario, type Plan } from './expand.ts';
import { type ScenarioResult, startScenario } from './run.ts';
import type { Scenario } from './scenario.ts';
import type { TruthLine } from './truth.ts';

export interface RoadRun {
  readonly result: ScenarioResult;
  readonly rows: readonly AuditRow[];
  /** Readings in the record whose batch is not in a signed checkpoint. */
  readonly notInLog: number;
  readonly seconds: number;
}

export interface RoadRunOptions {
  readonly scenario: Scenario;
  /** Empty; everything is written here. */
  readonly directory: string;
  readonly truth?: (line: TruthLine) => void;
  readonly onProgress?: (told: { readonly measured: number; readonly of: number }) => void;
}

/** Real milliseconds between looks at what agents still have to hand on. */
const BATCH = { maxLeaves: 500, maxAgeMs: 1000 } as const;

export async function runScenarioOnRoad(options: RoadRunOptions): Promise<RoadRun> {
  const { scenario, directory, onProgress } = options;
  const startedAt = performance.now();
  const plan = expandScenario(scenario);
  const world = await openWorld({ directory, httpPort: 0, mqttPort: 0 });
  try {
    const patients = new Map<string, SimulatedPatient>();
    for (const { id } of plan.persons) {
      const patient = admitPatient(world, directory, id, `${id} (HTEST)`);
      await consentToCollect(patient);
      patients.set(id, patient);
    }
    const clock = createSimClock(plan.startAt);
    const truth: TruthLine[] = [];
    const of = plan.steps.filter(({ kind }) => kind === 'measure').length;
    const homes: Home[] = [];
    const running = await startScenario({
      scenario,
      clock,
      truth(line) {
        truth.push(line);
        options.truth?.(line);
        if (line.line === 'measured' && line.n % 1000 === 0) onProgress?.({ measured: line.n, of });
      },
      async openController(home) {
        const controller = new VirtualController({
          clock,
          ...(home.maxLinks !== undefined && { maxLinks: home.maxLinks }),
        });
        const transport = openVirtualTransport(controller);
        const worn = plan.devices.filter((device) => device.home === home.id);
        homes.push(
          await world.startHome({
            name: home.id,
            transport,
            zoneOf: () => home.zoneMin,
            assignments: worn.map(({ address, person }) => ({
              address,
              addressType: 'random',
              patient: patients.get(person)!.id,
            })),
            batch: BATCH,
          }),
        );
        return { controller, transport };
      },
    });
    const result = await running.done;
    for (const home of homes) await home.settled();
    await world.settle();
    const { rows, notInLog } = audit(world, plan, patients, truth);
    return { result, rows, notInLog, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    await world.stop();
  }
}

function audit(world: World, plan: Plan, patients: ReadonlyMap<string, SimulatedPatient>, truth: readonly TruthLine[]) {
  const { store } = world.service;
  const byHandle = new Map(
    plan.devices.map(({ address, person }) => {
      const handle = deviceHandle(patients.get(person)!.subject, 'random', address);
      return [encodeHex(handle), address] as const;
    }),
  );
  const filed: FiledValue[] = [];
  const coverage: Attested[] = [];
  let notInLog = 0;
  for (const { id } of patients.values()) {
    const patient = store.patients.byId(id)!;
    for (const vital of store.segments.vitalsOf(patient)) {
      for (const { leaf, id: reading, batch } of store.segments.readings(patient, vital, { sort: 'asc' })) {
        if (store.batches.logIndex(batch) === undefined) notInLog++;
        const address = byHandle.get(encodeHex(leaf.device)) ?? 'unknown';
        for (const [mdc, value] of numbersOf(leaf)) {
          filed.push({ address, mdc, value, measuredAt: leaf.measuredAt, heardAt: leaf.heardAt, id: reading });
        }
      }
    }
    for (const { device, from, to, state } of store.segments.coverage(patient)) {
      coverage.push({ address: byHandle.get(encodeHex(device)) ?? 'unknown', from, to, state });
    }
  }
  const kinds = new Map(plan.devices.map(({ address, kind }) => [address, kind]));
  const told = (mdc: number) =>
    truth.some((line) => line.line === 'measured' && line.vitals.some((v) => v.mdc === mdc));
  // Batteries are read by the agent of its own accord.
  const spoken = new Set(filed.map(({ mdc }) => mdc).filter(told));
  const rows = auditScenario({
    truth,
    filed: filed.filter(({ mdc }) => spoken.has(mdc)),
    coverage,
    kinds,
    from: plan.startAt,
    to: plan.endAt,
  });
  return { rows, notInLog };
}

/** Each number of a reading as text, under the code of what it is. */
function numbersOf({ vital, value, components }: ReadingLeaf): (readonly [number, string])[] {
  const parts = components ?? (value === undefined ? [] : [{ vital, value }]);
  return parts.map((part) => [part.vital, isDecimal(part.value) ? decimalToString(part.value) : part.value] as const);
}
