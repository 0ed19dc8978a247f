/**
 * A scenario along the whole road: real agents with the real radio over virtual controllers, the service, the record and
 * the log, and then the comparison of what is filed with what the wearables measured.
 */

import { encodeHex } from '../../protocol/bytes.ts';
import { deviceHandle } from '../../protocol/keys.ts';
import { MDC } from '../../protocol/mdc.ts';
import { createSimClock } from '../hci/sim-clock.ts';
import { VirtualController } from '../hci/virtual-controller.ts';
import { openVirtualTransport } from '../hci/virtual-transport.ts';
import { admitPatient, consentToCollect, type SimulatedPatient } from '../patients.ts';
import { type Home, openWorld, type World } from '../world.ts';
import { type Attested, type AuditInput, type AuditRow, auditScenario } from './audit.ts';
import { expandScenario, type Plan } from './expand.ts';
import type { FiledValue } from './judge.ts';
import { numbersOf } from './numbers.ts';
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
  /** Told at the end what became of each number, by measurement and reading id. */
  readonly onVerdict?: AuditInput['onVerdict'];
  /** Resolves when the run is to end early; what was measured until then is audited. */
  readonly whenStopped?: Promise<void>;
  readonly onProgress?: (told: { readonly measured: number; readonly of: number }) => void;
}

/** Address of what is of no wearable that the person has. */
const UNKNOWN = 'unknown';
/** A batch closes by real time, while simulated time flies. */
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
    void options.whenStopped?.then(() => running.stop().catch(() => undefined));
    const result = await running.done;
    for (const home of homes) await home.settled();
    await world.settle();
    const { onVerdict } = options;
    const to = result.stopped ? clock.now() : plan.endAt;
    const { rows, notInLog } = audit(world, plan, patients, { truth, to, ...(onVerdict && { onVerdict }) });
    return { result, rows, notInLog, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    await world.stop();
  }
}

function audit(
  world: World,
  plan: Plan,
  patients: ReadonlyMap<string, SimulatedPatient>,
  { truth, to, onVerdict }: Pick<AuditInput, 'truth' | 'to' | 'onVerdict'>,
) {
  const { store } = world.service;
  const filed: FiledValue[] = [];
  const coverage: Attested[] = [];
  let notInLog = 0;
  for (const [person, { id, subject }] of patients) {
    const patient = store.patients.byId(id)!;
    // Only among the wearables of this very person: what lies in another's record is of no wearable.
    const addresses = new Map(
      plan.devices
        .filter((device) => device.person === person)
        .map(({ address }) => [encodeHex(deviceHandle(subject, 'random', address)), address]),
    );
    const addressOf = (handle: Uint8Array) => addresses.get(encodeHex(handle)) ?? UNKNOWN;
    for (const vital of store.segments.vitalsOf(patient).filter((one) => one !== MDC.battery)) {
      for (const { leaf, id: reading, batch } of store.segments.readings(patient, vital, { sort: 'asc' })) {
        if (store.batches.logIndex(batch) === undefined) notInLog++;
        const { device, measuredAt, heardAt } = leaf;
        const of = { address: addressOf(device), unit: leaf.unit ?? '', measuredAt, heardAt, id: reading };
        for (const [mdc, value] of numbersOf(leaf)) filed.push({ ...of, mdc, value });
      }
    }
    for (const { device, from, to, state } of store.segments.coverage(patient)) {
      coverage.push({ address: addressOf(device), from, to, state });
    }
  }
  const kinds = new Map(plan.devices.map(({ address, kind }) => [address, kind]));
  const from = plan.startAt;
  return {
    rows: auditScenario({ truth, filed, coverage, kinds, from, to, ...(onVerdict && { onVerdict }) }),
    notInLog,
  };
}
