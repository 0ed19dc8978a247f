/**
 * Time of each stage for one batch: the functions of the road one after the other, each alone, over the stores that the
 * road has filled. What the stages add up to is less than what the road takes: there they share two cores, one event loop
 * and one disk.
 */
import { openMqttSession } from '../edge-agent/mqtt-session.ts';
import { startBroker } from '../ingest-service/broker.ts';
import { createCounters } from '../ingest-service/counters.ts';
import { acknowledgementsTopic, batchesTopic } from '../protocol/topics.ts';
import { type AgentRig, openAgentRig } from './agent-rig.ts';
import { Laps, STAGES, type Stage } from './laps.ts';
import { openServiceRig, type ServiceRig } from './service-rig.ts';
import { createHeartRates, type HeartRates } from './workload.ts';

/** Batches that one checkpoint covers; about as many as pass in its second. */
const BATCHES_PER_CHECKPOINT = 8;
/** Messages under way at once, as the agent has them. */
const MQTT_WINDOW = 8;

/** A size of batches, and how many of them are timed. */
export interface StageRun {
  readonly batch: number;
  readonly rounds: number;
}

/** Median ms per batch. */
export type StageTimes = Readonly<Record<Stage, number>>;

/** `directory` is a data directory whose services have stopped. One answer for each run. */
export async function measureStages(directory: string, runs: readonly StageRun[]): Promise<StageTimes[]> {
  const rates = createHeartRates(3, { rr: true });
  // A day after what the road has heard, so that nothing is a double.
  rates.skip(86_400);
  const results: StageTimes[] = [];
  for (const run of runs) {
    const laps = new Laps();
    const agent = await openAgentRig(directory, laps, rates.take(1)[0]!.at);
    const service = await openServiceRig(directory, laps);
    await passBatches({ agent, service, laps, rates }, run);
    await service.close();
    agent.close();
    results.push(Object.fromEntries(STAGES.map(([, stage]) => [stage, laps.median(stage)])) as StageTimes);
  }
  return results;
}

interface Parts {
  readonly agent: AgentRig;
  readonly service: ServiceRig;
  readonly laps: Laps;
  readonly rates: HeartRates;
}

async function passBatches(parts: Parts, { batch, rounds }: StageRun): Promise<void> {
  const { agent, service, laps, rates } = parts;
  const wire = await openWire(parts);
  const warmUp = Math.ceil(rounds / 4);
  let waiting = 0;
  for (let round = -warmUp; round < rounds; round++) {
    agent.hear(rates.take(batch));
    // The first time there are also a few leaves that the road left.
    for (let sealed = await agent.seal(batch); sealed; sealed = await agent.seal(batch)) {
      const { sequence } = sealed.header;
      await wire.send(sealed.envelope);
      agent.acknowledge(sequence, await service.receive(batchesTopic(agent.keys.id), sealed.envelope));
      await service.file();
      waiting++;
      if (waiting === BATCHES_PER_CHECKPOINT) {
        await service.checkpoint(waiting);
        agent.forget(sequence);
        waiting = 0;
      }
    }
    laps.endBatch(round >= 0);
  }
  await wire.close();
}

/** Sends envelopes a window at a time to the real broker, behind which nobody looks at them. */
async function openWire({ agent: { keys, password }, service, laps }: Parts) {
  const answer = new Uint8Array(300); // about an acknowledgement
  const broker = await startBroker({
    agents: service.agents,
    keyEvents: { lineOf: (agent) => [agent], successionOf: () => undefined },
    intake: { receive: () => Promise.resolve(answer), refuse: () => answer },
    counters: createCounters(),
    port: 0,
    onListening: () => undefined,
    onReport: () => undefined,
  });
  const session = await openMqttSession(
    {
      url: broker.url,
      agent: keys.id,
      password,
      topics: [acknowledgementsTopic(keys.id)],
      onMessage: () => undefined,
      onEnd: () => undefined,
    },
    new AbortController().signal,
  );
  return {
    async send(envelope: Uint8Array): Promise<void> {
      const from = performance.now();
      const topic = batchesTopic(keys.id);
      await Promise.all(Array.from({ length: MQTT_WINDOW }, () => session.publish(topic, envelope)));
      laps.add('MQTT QoS 1 round trip', (performance.now() - from) / MQTT_WINDOW);
    },
    async close(): Promise<void> {
      await session.close();
      await broker.stop();
    },
  };
}
