/**
 * Run as a process: the real agent without its radio. Lines of JSON come in, what a wearable says; lines go out once it is
 * durable, or refused. Ends like the agent's own main when nothing can be written any more.
 */
import { createInterface } from 'node:readline';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import type { Order, Word } from './agent-lines.ts';

const [stateDirectory = '', keysDirectory = '', serviceUrl = '', brokerUrl = '', code = ''] = process.argv.slice(2);
const HEART_RATE_MEASUREMENT = 0x2a37;

const gateway = await openAgentGateway({
  stateDirectory,
  keysDirectory,
  serviceUrl,
  brokerUrl,
  ...(code && { code }),
  zoneOf: () => 0,
  test: true,
  batch: { maxLeaves: 10, maxAgeMs: 40 },
  heartbeatMs: 60_000,
  publishing: { acknowledgementMs: 400, retryMs: { first: 10, longest: 150 } },
  onFailure: () => process.exit(1),
});

function say(word: Word): void {
  process.stdout.write(`${JSON.stringify(word)}\n`);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line) as Order;
  if (order.kind === 'settle') {
    gateway.settled().then(
      () => say({ kind: 'settled', asked: order.asked }),
      (error: Error & { code?: string }) => say({ kind: 'unsettled', why: `${error.code}: ${error.message}` }),
    );
    return;
  }
  const { n, device, bpm, at } = order;
  const value = Uint8Array.of(0, bpm);
  gateway.hear({ device, connection: 1, characteristic: HEART_RATE_MEASUREMENT, value, heardAt: at }).then(
    () => say({ kind: 'durable', n }),
    () => say({ kind: 'refused', n }),
  );
});

// Told to stop, or whoever started it is gone.
for (const signal of ['SIGTERM', 'disconnect'] as const) {
  process.once(signal, () => {
    gateway.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}
say({ kind: 'listening', agent: gateway.id });
