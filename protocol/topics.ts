/** MQTT topics. One agent, four topics; nothing is retained, nothing personal is in any of them. */
import type { AgentId } from './keys.ts';

const ROOT = 'veravita/v1';

/** Agent to service: sealed batches. */
export function batchesTopic(agent: AgentId): string {
  return `${ROOT}/${agent}/batches`;
}

/** Agent to service: sealed reports. */
export function reportsTopic(agent: AgentId): string {
  return `${ROOT}/${agent}/reports`;
}

/** Service to agent: signed acknowledgements. */
export function acknowledgementsTopic(agent: AgentId): string {
  return `${ROOT}/${agent}/acknowledgements`;
}

/** Service to agent: signed commands. */
export function commandsTopic(agent: AgentId): string {
  return `${ROOT}/${agent}/commands`;
}

/** The agent of a batches topic; `undefined` for any other topic. */
export function agentOfBatchesTopic(topic: string): AgentId | undefined {
  return /^veravita\/v1\/([a-z2-7]{52})\/batches$/.exec(topic)?.[1] as AgentId | undefined;
}
