/** Where it is measured: everything embedded over one temporary directory, one patient who consents, one agent. */
import { join } from 'node:path';
import { openAgentGateway } from '../edge-agent/agent.ts';
import type { Gateway } from '../edge-agent/gateway.ts';
import { addressOf } from '../simulators/addresses.ts';
import { admitPatient, consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { openWorld, type World } from '../simulators/world.ts';

/** The wearable whose notifications are handed over without a radio. */
export const STRAP = addressOf('bench strap');

export interface Site {
  readonly directory: string;
  readonly world: World;
  readonly patient: SimulatedPatient;
}

/** Folders of the agent without a radio. */
export function agentFolders(directory: string) {
  return {
    stateDirectory: join(directory, 'agents', 'bench'),
    keysDirectory: join(directory, 'keys', 'agents', 'bench'),
  };
}

export async function openSite(directory: string): Promise<Site> {
  const world = await openWorld({ directory, httpPort: 0, mqttPort: 0 });
  const patient = admitPatient(world, directory, 'bench', 'Bench (HTEST)');
  await consentToCollect(patient);
  return { directory, world, patient };
}

export interface GatewayConfig {
  /** Clock of what is handed over. */
  readonly now: () => number;
  /** Readings in a batch. */
  readonly batch: number;
}

/** Enrols an agent that hears through {@link Gateway.hear} and not by radio. */
export function openGateway({ directory, world, patient }: Site, { now, batch }: GatewayConfig): Promise<Gateway> {
  const { service } = world;
  return openAgentGateway({
    ...agentFolders(directory),
    serviceUrl: service.url,
    brokerUrl: service.brokerUrl,
    code: service.createEnrolmentCode([{ patient: patient.id, address: STRAP, addressType: 'random' }]),
    clock: now,
    zoneOf: () => 0,
    test: true,
    batch: { maxLeaves: batch, maxAgeMs: 2000 },
    heartbeatMs: 60_000,
  });
}

/** Resolves when all that the agent heard is filed and in a signed checkpoint. */
export async function settle(world: World, agent: { settled(): Promise<void> }): Promise<void> {
  let settled = false;
  const done = agent.settled().then(() => {
    settled = true;
  });
  while (!settled) {
    await world.settle();
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
}
