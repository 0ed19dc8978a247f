/** Where a fleet reports to: a service of its own in this process, or a running one whose data directory is here. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAgentGateway } from '../edge-agent/agent.ts';
import type { Gateway } from '../edge-agent/gateway.ts';
import { createEnrolmentCode } from '../ingest-service/enrolment.ts';
import { openOperatorRecord } from '../ingest-service/operator.ts';
import type { RecordStore } from '../ingest-service/record/record-sqlite.ts';
import { openWorld } from './world.ts';

export interface FleetReading {
  readonly heardAt: number;
  /** When the service had it durably and said so. */
  readonly receivedAt: number;
  readonly inLog: boolean;
}

export interface FleetSite {
  readonly url: string;
  /** Record-local id. */
  admitPatient(publicKey: Uint8Array, name: string): string;
  /** A new agent without a radio, enrolled for one wearable of a patient. */
  openAgent(name: string, patient: string, address: string): Promise<Gateway>;
  readings(patient: string, vital: number): Iterable<FleetReading>;
  /** Agents must have stopped. */
  close(): Promise<void>;
}

/** `running`: a service that was started by `npm run ingest` on this machine. Throws `missing` when there is no record. */
export async function openFleetSite(running?: { readonly url: string; readonly data: string }): Promise<FleetSite> {
  const folder = mkdtempSync(join(tmpdir(), 'veravita-fleet-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove); // stopped half-way
  try {
    if (running) {
      const store = openOperatorRecord(running.data);
      return createSite(folder, running.url, store, async () => store.close());
    }
    const world = await openWorld({ directory: join(folder, 'site'), httpPort: 0, mqttPort: 0 });
    return createSite(folder, world.service.url, world.service.store, () => world.stop());
  } catch (error) {
    remove();
    throw error;
  }
}

function createSite(folder: string, url: string, store: RecordStore, close: () => Promise<void>): FleetSite {
  return {
    url,
    admitPatient: (publicKey, name) => store.patients.admit(publicKey, { name, test: true }).id,
    openAgent: (name, patient, address) =>
      openAgentGateway({
        stateDirectory: join(folder, name),
        keysDirectory: join(folder, name, 'keys'),
        serviceUrl: url,
        code: createEnrolmentCode({ store, clock: Date.now }, [{ patient, address, addressType: 'random' }]),
        zoneOf: () => 0,
        test: true,
        batch: { maxLeaves: 500, maxAgeMs: 2000 },
        heartbeatMs: 60_000,
      }),
    *readings(patientId, vital) {
      const patient = store.patients.byId(patientId);
      if (!patient) return;
      for (const { leaf, batch } of store.segments.readings(patient, vital, { sort: 'asc' })) {
        const { receivedAt } = store.batches.get(batch)!;
        yield { heardAt: leaf.heardAt, receivedAt, inLog: store.batches.logIndex(batch) !== undefined };
      }
    },
    async close() {
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
