/**
 * What one would write without any of this: readings as JSON over MQTT into rows of SQLite. The same broker, the same
 * client at QoS 1, the same pragmas, and a PUBACK likewise means that the rows are on disk; but nothing is encrypted,
 * signed, hashed, checked for doubles or asked of a patient, and the sender keeps nothing.
 */
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Aedes } from 'aedes';
import { connectAsync, type MqttClient } from 'mqtt';
import { openDatabase } from '../journal/sqlite.ts';
import { decodeHeartRateMeasurement } from '../protocol/gatt/heart-rate.ts';
import { measureRate, type Rate, type RateOptions } from './rate.ts';
import { STRAP } from './site.ts';
import { type Beat, createHeartRates } from './workload.ts';

/** Messages under way at once. */
const WINDOW = 100;

export const PLAIN_TOPIC = 'readings';

interface Row {
  readonly device: string;
  readonly vital: string;
  /** ms since 1970. */
  readonly time: number;
  readonly value: number;
}

export interface PlainOptions extends RateOptions {
  /** Readings in a message, whose rows are one transaction. There is no other grouping. */
  readonly perMessage: number;
}

/** What is published for these notifications. */
export function plainMessage(beats: readonly Beat[]): string {
  const rows = beats.map(({ at, value }): Row => {
    const { heartRate } = decodeHeartRateMeasurement(value);
    return { device: STRAP, vital: 'heart-rate', time: at, value: heartRate };
  });
  return JSON.stringify(rows.length === 1 ? rows[0] : rows);
}

/** From notifications to rows, until every message is acknowledged. */
export async function measurePlain(directory: string, { perMessage, ...options }: PlainOptions): Promise<Rate> {
  const database = openDatabase(join(directory, `plain-${perMessage}.sqlite`));
  database.exec('CREATE TABLE readings (device TEXT, vital TEXT, time INTEGER, value REAL) STRICT');
  const broker = await startPlainBroker(createFiler(database));
  const client = await connectAsync(broker.url, { protocolVersion: 4 });
  const rates = createHeartRates(4, { rr: true });
  const rowCount = () => Number(database.prepare('SELECT count(*) AS n FROM readings').get()!.n);
  try {
    return await measureRate(async (count) => {
      const before = rowCount();
      await publishAll(client, rates.take(count), perMessage);
      if (rowCount() - before !== count) throw new Error('not every row was written: nothing was measured');
    }, options);
  } finally {
    await client.endAsync();
    await broker.stop();
    database.close();
  }
}

async function publishAll(client: MqttClient, beats: readonly Beat[], perMessage: number): Promise<void> {
  let next = 0;
  const publishOn = async () => {
    while (next < beats.length) {
      const message = plainMessage(beats.slice(next, next + perMessage));
      next += perMessage;
      await client.publishAsync(PLAIN_TOPIC, message, { qos: 1 });
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, publishOn));
}

function createFiler(database: DatabaseSync): (payload: Buffer) => void {
  const insert = database.prepare('INSERT INTO readings (device, vital, time, value) VALUES (?, ?, ?, ?)');
  return (payload) => {
    const message = JSON.parse(payload.toString()) as Row | Row[];
    database.exec('BEGIN IMMEDIATE');
    for (const { device, vital, time, value } of Array.isArray(message) ? message : [message]) {
      insert.run(device, vital, time, value);
    }
    database.exec('COMMIT');
  };
}

async function startPlainBroker(file: (payload: Buffer) => void) {
  const aedes = await Aedes.createBroker();
  aedes.authorizePublish = (client, packet, done) => {
    if (client) file(packet.payload as Buffer);
    done(null);
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    aedes.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`,
    async stop() {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
