/**
 * Replays a recording along the whole road: its values become GATT notifications of virtual wearables, are heard by the
 * real radio under the recording's own clock, signed, filed and logged. Done again over the same data, everything is
 * recognized and nothing is filed twice.
 */
import { Fault } from '../protocol/fault.ts';
import { deviceHandle } from '../protocol/keys.ts';
import type { Instant } from '../protocol/time.ts';
import { wallClockToInstant } from '../protocol/time.ts';
import { addressOf } from './addresses.ts';
import { createSimClock, type SimClock } from './hci/sim-clock.ts';
import { VirtualController } from './hci/virtual-controller.ts';
import { openVirtualTransport } from './hci/virtual-transport.ts';
import { admitPatient, consentToCollect, type SimulatedPatient } from './patients.ts';
import { reconcile } from './reconcile.ts';
import { openRecorder, type Recorder } from './recorders.ts';
import type { RecordedRow, Recording } from './recording.ts';
import { slugOf, wearerOf } from './wearers.ts';
import type { Home, World } from './world.ts';
import type { ZoneOffset } from './zone.ts';

/** What became of a recording. */
export interface ReplayResult {
  /** Values of the recording. */
  readonly readings: number;
  /** Of those: now in the record, and in a batch that a signed checkpoint covers. */
  readonly filed: number;
  readonly inLog: number;
  /** Readings that are in the record more often than in the recording. */
  readonly duplicates: number;
  /** Readings that are not in the record. */
  readonly lost: number;
  /** Of those: filed by an earlier replay, and recognized in this one. */
  readonly again: number;
  readonly batches: number;
  readonly checkpointSize: number;
  readonly seconds: number;
}

export interface ReplayOptions {
  readonly directory: string;
  readonly recording: Recording;
  /** Name of the recording: patients, wearables and agent are the same each time it is replayed. */
  readonly name: string;
  readonly zone: ZoneOffset;
  readonly onProgress?: (heard: number, of: number) => void;
}

/** One value on its way: when, whose, and on which wearable. */
interface Step {
  readonly instant: Instant;
  readonly zoneMin: number;
  readonly row: RecordedRow;
  readonly wearer: Wearer;
}

interface Wearer {
  readonly patient: SimulatedPatient;
  readonly recorders: readonly Recorder[];
}

/** Milliseconds of real time for as many readings as a batch holds are plenty at replay speed. */
const BATCH = { maxLeaves: 500, maxAgeMs: 1000 } as const;

export async function replayRecording(world: World, options: ReplayOptions): Promise<ReplayResult> {
  const startedAt = performance.now();
  const { recording, name, onProgress = () => undefined } = options;
  const first = recording.rows[0];
  if (!first) throw new Fault('malformed', 'the recording has no rows');
  const clock = createSimClock(wallClockToInstant(first.measuredAt, options.zone(first.measuredAt)));
  const controller = new VirtualController({ clock });
  const steps = await plan(world, options, controller, clock);
  let zoneMin = steps[0]!.zoneMin;
  const recorders = [...new Set(steps.flatMap(({ wearer }) => wearer.recorders))];

  const agent = await world.startHome({
    // An agent keeps the wearables that it was enrolled for, so other wearables mean another agent.
    name: `replay-${slugOf([name, ...recorders.map(({ device }) => device.address)].join(' '))}`,
    transport: openVirtualTransport(controller),
    zoneOf: () => zoneMin,
    assignments: recorders.map(({ patient, device }) => ({
      patient,
      address: device.address,
      addressType: device.addressType,
    })),
    batch: BATCH,
  });
  await Promise.all(recorders.map((recorder) => recorder.whenHeard()));

  const expected = steps.flatMap(({ instant, row, wearer }) =>
    row.values.map(({ vital, value }) => {
      const { patient, device, resolutionMs } = recorderOf(wearer, vital);
      const handle = deviceHandle(wearer.patient.subject, device.addressType, device.address);
      return { patient, device: handle, vital, measuredAt: instant - (instant % resolutionMs), value };
    }),
  );
  const compare = () => reconcile(expected, (patient, vital) => world.filedReadings(patient, vital));
  const before = compare();

  const total = expected.length;
  let heard = 0;
  for (const { instant, row, wearer, ...step } of steps) {
    clock.set(instant);
    zoneMin = step.zoneMin;
    for (const { vital, value } of row.values) {
      await recorderOf(wearer, vital).play({ value, measuredAt: row.measuredAt, zoneMin });
      heard++;
      if (heard % 100 === 0) onProgress(heard, total);
    }
  }
  onProgress(total, total);
  await settle(world, agent);

  return {
    readings: total,
    ...compare(),
    again: before.filed,
    batches: world.countBatches(),
    checkpointSize: world.log.head.checkpoint.size,
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  };
}

function recorderOf({ recorders }: Wearer, vital: number): Recorder {
  return recorders.find((recorder) => recorder.vital === vital)!;
}

/** Patients with consent, their wearables on the controller, and all values in the order of time. */
async function plan(
  world: World,
  { directory, recording, name, zone }: ReplayOptions,
  controller: VirtualController,
  clock: SimClock,
): Promise<Step[]> {
  const wearers = new Map<string | null, Wearer>();
  const several = recording.rows.some(({ subject }) => subject !== recording.rows[0]!.subject);
  for (const { subject, measuredAt } of recording.rows) {
    if (wearers.has(subject)) continue;
    const who = wearerOf(name, subject);
    const title = subject === null || !several ? `Wearer of ${name} (HTEST)` : `Wearer ${subject} of ${name} (HTEST)`;
    const patient = admitPatient(world, directory, slugOf(who), title);
    await consentToCollect(patient);
    const recorders = recording.columns.map(({ vital, unit }) =>
      openRecorder(vital, unit, {
        patient: patient.id,
        clock,
        firstAt: measuredAt,
        zoneMin: zone(measuredAt),
        addressOf: (kind) => addressOf(`${who} ${kind}`),
      }),
    );
    for (const { device } of recorders) controller.add(device);
    wearers.set(subject, { patient, recorders });
  }
  const steps = recording.rows.map((row): Step => {
    const zoneMin = zone(row.measuredAt);
    return { instant: wallClockToInstant(row.measuredAt, zoneMin), zoneMin, row, wearer: wearers.get(row.subject)! };
  });
  // One clock for all wearers, so it must not run backward from one wearer to the next; sorting is stable.
  return steps.sort((a, b) => a.instant - b.instant);
}

async function settle(world: World, agent: Home): Promise<void> {
  await agent.flush();
  let settled = false;
  const done = agent.settled().then(() => {
    settled = true;
  });
  // Its failure is told below; until then it must not count as unhandled.
  done.catch(() => undefined);
  while (!settled) {
    await world.settle();
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
}
