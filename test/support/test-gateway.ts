/** A real agent without a radio, in a folder of its own, against a {@link TestService}. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAgentGateway, type RadiolessOptions } from '../../edge-agent/agent.ts';
import type { Notification } from '../../edge-agent/observe.ts';
import { encodeId } from '../../protocol/keys.ts';
import type { TestService } from './test-service.ts';

export const STRAP = 'c0:ff:ee:00:00:01';
export const CUFF = 'c0:ff:ee:00:00:02';
export const SUBJECT = new Uint8Array(32).fill(7);
/** 2026-01-01T12:00:00Z */
export const NOON = Date.UTC(2026, 0, 1, 12);

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'veravita-agent-'));
}

/** Everything in a folder and below, as one byte string. */
export function readAll(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Buffer.concat(files.map((file) => readFileSync(join(file.parentPath, file.name))));
}

/** A code that enrols an agent for both devices. */
export function issueCode(service: TestService): string {
  const code = `code-${service.codes.size}-${Math.random()}`;
  service.codes.set(
    code,
    [STRAP, CUFF].map((address) => ({ address, addressType: 'random' as const, subject: encodeId(SUBJECT) })),
  );
  return code;
}

export function gatewayOptions(folder: string, serviceUrl: string, code?: string): RadiolessOptions {
  return {
    stateDirectory: join(folder, 'state'),
    keysDirectory: join(folder, 'keys'),
    serviceUrl,
    ...(code === undefined ? {} : { code }),
    clock: () => NOON,
    zoneOf: () => 0,
    test: true,
    batch: { maxLeaves: 500, maxAgeMs: 60_000 },
    heartbeatMs: 60_000,
    publishing: { acknowledgementMs: 300, retryMs: { first: 10, longest: 100 } },
  };
}

export function openTestGateway(
  folder: string,
  service: TestService,
  more: Partial<RadiolessOptions> = {},
): ReturnType<typeof openAgentGateway> {
  return openAgentGateway({ ...gatewayOptions(folder, service.url, issueCode(service)), ...more });
}

/** A heart rate as a strap notifies it: flags 0, one octet. */
export function heartRate(bpm: number, heardAt: number, connection = 1): Notification {
  return { device: STRAP, connection, characteristic: 0x2a37, value: Uint8Array.of(0, bpm), heardAt };
}

/** Systolic 120 mmHg with the cuff's own clock at 2026-01-01T12:00:00. */
export function cuffMeasurement(heardAt: number, connection = 1): Notification {
  const value = Uint8Array.of(0x02, 120, 0, 80, 0, 93, 0, 0xea, 0x07, 1, 1, 12, 0, 0);
  return { device: CUFF, connection, characteristic: 0x2a35, value, heardAt };
}
