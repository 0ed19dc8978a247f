/**
 * Looks at what operators decided on the data directory beside the service, and lets it take effect here: connections of
 * revoked and replaced keys end, agents are told to make new keys, decided batches are filed or their bodies destroyed.
 * Whatever it does may be done again, so a crash in between is mended by the next look.
 */
import type { AgentAction } from '../protocol/agent-action.ts';
import { Fault } from '../protocol/fault.ts';
import type { AgentId } from '../protocol/keys.ts';
import type { Clock } from '../protocol/time.ts';
import type { Broker } from './broker.ts';
import type { Counters } from './counters.ts';
import type { Intake } from './intake.ts';
import type { Pipeline } from './pipeline.ts';
import type { RecordStore } from './record/record-sqlite.ts';

export interface AgentWatchDeps {
  readonly store: RecordStore;
  readonly broker: Broker;
  readonly intake: Intake;
  readonly pipeline: Pipeline;
  readonly counters: Counters;
  readonly clock: Clock;
  /** Sends actions to an agent; false when it cannot be reached in private. */
  readonly act: (agent: AgentId, actions: readonly AgentAction[]) => Promise<boolean>;
  /** An agent is to be told anew whom it may listen to. */
  readonly onRevoked: (agent: AgentId) => void;
}

/** From one request for a new key to the next: longer than a command is good for. */
const ASK_AGAIN_MS = 65_000;
const DECISIONS_AT_ONCE = 100;

export interface AgentWatch {
  look(): void;
  /** An agent reported, so it can be reached in private. */
  heard(): void;
}

export function createAgentWatch(deps: AgentWatchDeps): AgentWatch {
  const { store, broker, intake, pipeline, counters, clock, act, onRevoked } = deps;
  // Whoever was revoked before this start has no connection from before it.
  const closed = new Set<AgentId>(store.keyEvents.revoked());
  const asked = new Map<AgentId, number>();

  function closeRevoked(): void {
    for (const agent of store.keyEvents.revoked()) {
      if (closed.has(agent)) continue;
      closed.add(agent);
      broker.disconnect(agent);
      onRevoked(agent);
    }
  }

  function askForKeys(): void {
    const wished = store.keyEvents.wishedRotations();
    for (const agent of asked.keys()) if (!wished.includes(agent)) asked.delete(agent);
    for (const agent of wished) {
      if ((asked.get(agent) ?? 0) + ASK_AGAIN_MS > clock()) continue;
      asked.set(agent, clock());
      act(agent, [{ type: 'rotate-key' }]).then(
        (isSent) => void (isSent || asked.delete(agent)),
        () => asked.delete(agent),
      );
    }
  }

  function settleDecisions(): void {
    for (const batch of store.quarantine.untold(DECISIONS_AT_ONCE)) {
      if (batch.decision === 'accepted' && batch.held) pipeline.file(batch.batch, batch.held);
      store.transaction(() => store.quarantine.settle(batch.batch));
      counters.add(`quarantine.${batch.decision}`);
      tell(batch.agent as AgentId, intake.tellDecision(batch));
    }
  }

  /** On the topic of whoever the agent is now. */
  function tell(agent: AgentId, signed: Uint8Array): void {
    let name = agent;
    for (let next = store.keyEvents.successionOf(name); next; next = store.keyEvents.successionOf(name)) {
      name = next.successor;
    }
    broker.acknowledge(name, signed);
  }

  return {
    look() {
      for (const step of [closeRevoked, askForKeys, settleDecisions]) {
        try {
          step();
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          counters.add('upkeep.failed'); // the next look tries again
        }
      }
    },
    heard: askForKeys,
  };
}
