/** Octets on the wire for each reading: whole MQTT 3.1.1 PUBLISH packets at QoS 1, ours beside those of the plain pipeline. */
import { batchesTopic } from '../protocol/topics.ts';
import { type AgentRig, openAgentRig } from './agent-rig.ts';
import { Laps } from './laps.ts';
import { PLAIN_TOPIC, plainMessage } from './plain.ts';
import { createHeartRates, type HeartRates } from './workload.ts';

/** Heart rates at 1 Hz, `batch` of them in one message. */
export interface WireSize {
  readonly batch: number;
  /** With the intervals between beats, which stay in the raw octets of a leaf; the plain pipeline drops them. */
  readonly rr: boolean;
  readonly road: number;
  readonly plainBatch: number;
  readonly plainSingle: number;
}

/** `directory` is a data directory whose services have stopped; what the agent seals here is never sent. */
export async function measureWire(directory: string, batches: readonly number[]): Promise<WireSize[]> {
  const sizes: WireSize[] = [];
  for (const rr of [true, false]) {
    const rates = createHeartRates(5, { rr });
    rates.skip(30 * 86_400); // after everything that was measured before, so that nothing is a double
    const agent = await openAgentRig(directory, new Laps(), rates.take(1)[0]!.at);
    while (await agent.seal(500)); // what was left pending
    for (const batch of batches) sizes.push(await measureSize(agent, rates, batch, rr));
    agent.close();
  }
  return sizes;
}

async function measureSize(agent: AgentRig, rates: HeartRates, batch: number, rr: boolean): Promise<WireSize> {
  const beats = rates.take(batch);
  agent.hear(beats);
  const sealed = await agent.seal(batch);
  const singles = beats.map((beat) => publishOctets(PLAIN_TOPIC, plainMessage([beat]).length));
  return {
    batch,
    rr,
    road: publishOctets(batchesTopic(agent.keys.id), sealed!.envelope.length) / batch,
    plainBatch: publishOctets(PLAIN_TOPIC, plainMessage(beats).length) / batch,
    plainSingle: singles.reduce((sum, octets) => sum + octets, 0) / batch,
  };
}

/** MQTT 3.1.1 §3.3: fixed header, topic with its length, packet id, payload. */
function publishOctets(topic: string, payload: number): number {
  const remaining = 2 + topic.length + 2 + payload;
  const lengthOctets = Math.max(1, Math.ceil((Math.floor(Math.log2(remaining)) + 1) / 7)); // §2.2.3
  return 1 + lengthOctets + remaining;
}
