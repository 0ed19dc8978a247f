/** Reports of agents in the order in which they came: opened, counted where they do not hold, and bounded. */
import { Fault } from '../protocol/fault.ts';
import type { AgentId } from '../protocol/keys.ts';
import { MAX_PRIVATE_OCTETS } from '../protocol/private-message.ts';
import type { Report } from '../protocol/report.ts';
import type { AgentVoices } from './agent-voice.ts';
import type { Counters } from './counters.ts';

/** Reports of one agent that wait for their turn; an agent that sends more is not heard. */
const MAX_WAITING = 32;

export interface ReportQueueDeps {
  readonly voices: AgentVoices;
  readonly counters: Counters;
  readonly take: (agent: AgentId, report: Report) => Promise<void>;
}

/** Takes a sealed report as it came. The answer resolves when it was taken or refused, and never rejects. */
export function createReportQueue({ voices, counters, take }: ReportQueueDeps) {
  const queues = new Map<AgentId, { last: Promise<void>; waiting: number }>();

  return (agent: AgentId, sealed: Uint8Array): Promise<void> => {
    const queue = queues.get(agent) ?? { last: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= MAX_WAITING || sealed.length > MAX_PRIVATE_OCTETS) {
      counters.add('reports.refused.too-large');
      return Promise.resolve();
    }
    queue.waiting++;
    queues.set(agent, queue);
    queue.last = queue.last
      .then(async () => take(agent, await voices.hear(agent, sealed)))
      .catch((error: unknown) =>
        counters.add(error instanceof Fault ? `reports.refused.${error.code}` : 'reports.failed'),
      )
      .then(() => {
        if (--queue.waiting === 0) queues.delete(agent);
      });
    return queue.last;
  };
}
