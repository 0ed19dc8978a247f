/**
 * What devices have stored while nobody listened: all of it, once, in order, with right times, however often the link is
 * lost on the way.
 */
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RadiolessOptions } from '../../../edge-agent/agent.ts';
import { openAgentGateway } from '../../../edge-agent/agent.ts';
import { openDatabase } from '../../../edge-agent/database.ts';
import type { Gateway } from '../../../edge-agent/gateway.ts';
import { openKeys } from '../../../edge-agent/keys.ts';
import { createRowCipher } from '../../../edge-agent/storage-cipher.ts';
import { encodeHex } from '../../../protocol/bytes.ts';
import { decodeBloodPressureRecord } from '../../../protocol/gatt/blood-pressure-record.ts';
import { decodeGlucoseMeasurement } from '../../../protocol/gatt/glucose.ts';
import { decodeLeaf, type ReadingLeaf } from '../../../protocol/leaf.ts';
import { instantToWallClock } from '../../../protocol/time.ts';
import { type Cgm, createCgm } from '../../../simulators/devices/cgm.ts';
import { createEnhancedCuff, type EnhancedCuff } from '../../../simulators/devices/enhanced-cuff.ts';
import { createGlucoseMeter, type GlucoseMeter } from '../../../simulators/devices/glucose-meter.ts';
import type { RacpServer } from '../../../simulators/devices/racp-server.ts';
import type { Wearable } from '../../../simulators/devices/wearable.ts';
import { openRadioWorld, type RadioWorld, STARTED_AT, until } from '../../support/radio-world.ts';
import { CUFF, gatewayOptions, issueCode, makeFolder, STRAP } from '../../support/test-gateway.ts';
import { openTestService, type TestService } from '../../support/test-service.ts';

const DAY = 86_400_000;
const WEEK_RECORDS = 2016;
const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });

let folder: string;
let service: TestService;
let world: RadioWorld | undefined;
let gateway: Gateway | undefined;
beforeEach(async () => {
  folder = makeFolder();
  service = await openTestService();
});
afterEach(async () => {
  await world?.close();
  await gateway?.stop();
  world = undefined;
  gateway = undefined;
  await service.close();
  rmSync(folder, { recursive: true });
});

/** Starts the agent, on a state that it may have had before, and the radio with it. */
async function start(device: Wearable, code?: string): Promise<{ world: RadioWorld; gateway: Gateway }> {
  const options: RadiolessOptions = {
    ...gatewayOptions(folder, service.url, code),
    clock: () => STARTED_AT,
    zoneOf: () => 120,
    batch: { maxLeaves: 10_000, maxAgeMs: 600_000 },
    heartbeatMs: 600_000,
  };
  const opened = await openAgentGateway(options);
  gateway = opened;
  world = await openRadioWorld({
    setUp: (air) => void air.add(device),
    onNotification: (notification) => opened.hear(notification),
    onClock: (clock) => void opened.noteClock(clock),
    cursors: opened.recordCursors,
  });
  return { world, gateway: opened };
}

/** A transfer that is cut after `after` records, ten times, then let through. */
async function interruptTenTimes(memory: RacpServer, world: RadioWorld, after: number): Promise<void> {
  const lost = () => world.links.filter(({ state }) => state === 'lost').length;
  memory.interruptAfter = after;
  await until(() => lost() >= 10, 15_000);
  memory.interruptAfter = undefined;
}

const isDone = (memory: RacpServer, world: RadioWorld) => () => memory.isIdle && world.controller !== undefined;

/** What the agent holds and has not sealed, in the order in which it was heard. */
function pendingReadings(): ReadingLeaf[] {
  const options = gatewayOptions(folder, service.url);
  const keys = openKeys(options.keysDirectory, false);
  const db = openDatabase(options.stateDirectory, keys.agent);
  const rows = db.prepare('SELECT row, boot, body FROM pending ORDER BY row').all() as {
    row: number;
    boot: Uint8Array;
    body: Uint8Array;
  }[];
  db.close();
  return rows
    .map(({ row, boot, body }) => decodeLeaf(createRowCipher(keys.storageKey, boot).decrypt(row, body)))
    .filter((leaf) => leaf.kind === 'reading');
}
