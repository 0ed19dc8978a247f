/** What operators and patients are shown of an agent's key and chain. */
import type { Instant } from '../protocol/time.ts';
import type { RecordStore } from './record/record-sqlite.ts';

/** `replaced`: lives on under the name of its next key. */
export type AgentState = 'active' | 'replaced' | 'frozen' | 'revoked';

export interface AgentView {
  readonly state: AgentState;
  /** Sequence of the batch that is missing, while later ones were offered. */
  readonly waitsFor?: number;
}

export function viewAgent(store: RecordStore, agent: string): AgentView {
  const waitsFor = store.agents.awaited(agent);
  return { state: stateOf(store, agent), ...(waitsFor !== undefined && { waitsFor }) };
}

function stateOf(store: RecordStore, agent: string): AgentState {
  if (store.keyEvents.revocationOf(agent)) return 'revoked';
  if (store.keyEvents.successionOf(agent)) return 'replaced';
  return store.suspects.frozenSince(agent) === undefined ? 'active' : 'frozen';
}

/** All that an operator has to know of one agent. */
export interface AgentReport extends AgentView {
  readonly agent: string;
  /** Newest batch in the record; 0: none. */
  readonly filed: number;
  /** Batches that wait for a decision, and those that were rejected. */
  readonly quarantined: number;
  readonly rejected: number;
  /** Batches that exclude one that was taken. */
  readonly forks: number;
  readonly frozenSince?: Instant;
  /** An operator asked for a new key, and it is not there yet. */
  readonly rotating: boolean;
}

export function reportAgents(store: RecordStore): AgentReport[] {
  const rotating = store.keyEvents.wishedRotations();
  return store.agents.ids().map((agent) => {
    const frozenSince = store.suspects.frozenSince(agent);
    return {
      agent,
      ...viewAgent(store, agent),
      filed: store.batches.newest(agent)?.sequence ?? 0,
      quarantined: store.quarantine.countWaiting(agent),
      rejected: store.quarantine.countRejected(agent),
      forks: store.suspects.forksOf(agent).length,
      ...(frozenSince !== undefined && { frozenSince }),
      rotating: rotating.includes(agent),
    };
  });
}
