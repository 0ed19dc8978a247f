/** A home: an agent on a machine of its own, and wearables that measure, tell, and tell again until they are confirmed. */
import { join } from 'node:path';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import type { Gateway } from '../../edge-agent/gateway.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { deviceHandle } from '../../protocol/keys.ts';
import { addressOf } from '../../simulators/addresses.ts';
import type { Machine, SimProcess } from './machine.ts';
import { HTTP_PORT, MQTT_PORT } from './network.ts';
import { runAs } from './scheduler.ts';

export const HEART_RATE = 0x2a37;
export const TEMPERATURE = 0x2a1c;

/** One value that a wearable measured. */
export interface Measured {
  /** Unlike all others of this device: what the sensor says, without its unit. */
  readonly value: number;
  /** Steps of the world: first told, and confirmed by the agent that it is durable. */
  heardAt?: number;
  confirmedAt?: number;
}

export interface Wearable {
  readonly address: string;
  /** Handle in readings, hex. */
  readonly handle: string;
  /** Index of the patient. */
  readonly patient: number;
  readonly characteristic: typeof HEART_RATE | typeof TEMPERATURE;
  readonly measured: Measured[];
}

/** Wearables of a home: a strap and a thermometer for each patient. */
export function wearablesOf(home: number, patients: readonly { index: number; subject: Uint8Array }[]): Wearable[] {
  return patients.flatMap(({ index, subject }) =>
    ([HEART_RATE, TEMPERATURE] as const).map((characteristic) => {
      const address = addressOf(`world ${home} ${index} ${characteristic}`);
      const handle = encodeHex(deviceHandle(subject, 'random', address));
      return { address, handle, patient: index, characteristic, measured: [] };
    }),
  );
}

/** A strap has no clock, a thermometer says when: by that, the same value told twice is known. */
export function encodeMeasured(characteristic: number, value: number): Uint8Array {
  if (characteristic === HEART_RATE) return Uint8Array.of(1, value & 0xff, value >> 8);
  const minute = value % 60;
  const hour = Math.floor(value / 60) % 24;
  const day = 1 + (Math.floor(value / 1440) % 28);
  const mantissa = 3000 + value;
  return Uint8Array.of(2, mantissa & 0xff, mantissa >> 8, 0, 0xfe, 2026 & 0xff, 2026 >> 8, 3, day, hour, minute, 0);
}

/** The value of {@link encodeMeasured} in a reading's mantissa. */
export function measuredOf(characteristic: number, mantissa: number): number {
  return characteristic === HEART_RATE ? mantissa : mantissa - 3000;
}

export interface RunningAgent {
  readonly process: SimProcess;
  readonly gateway: Gateway;
}

export async function startAgent(
  machine: Machine,
  process: SimProcess,
  onFailure: () => void,
  code?: string,
): Promise<RunningAgent> {
  return runAs(process, async () => {
    const gateway = await openAgentGateway({
      stateDirectory: join(machine.disk.directory, 'state'),
      keysDirectory: join(machine.disk.directory, 'keys'),
      serviceUrl: `http://127.0.0.1:${HTTP_PORT}`,
      brokerUrl: `mqtt://127.0.0.1:${MQTT_PORT}`,
      ...(code !== undefined && { code }),
      clock: Date.now,
      zoneOf: () => 0,
      test: true,
      batch: { maxLeaves: 12, maxAgeMs: 1500 },
      heartbeatMs: 20_000,
      publishing: { window: 4, acknowledgementMs: 4000, retryMs: { first: 200, longest: 4000 } },
      onFailure,
    });
    return { process, gateway };
  });
}
