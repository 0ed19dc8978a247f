/** The operator's commands about agents: what they print, and their exit code. */

import {
  decideBatches,
  listAgents,
  listQuarantine,
  revoke,
  unfreeze,
  type WaitingBatch,
  wishRotation,
} from './agent-operator.ts';
import type { AgentReport } from './agent-view.ts';
import type { IngestConfig } from './config.ts';

export type AgentCommand = Extract<
  IngestConfig,
  { kind: 'agents' | 'quarantine' | 'rotate' | 'unfreeze' | 'revoke-agent' | 'accept' | 'reject' }
>;

/** Throws a Fault where it cannot be done. */
export function operateAgents(command: AgentCommand): number {
  switch (command.kind) {
    case 'agents':
      print(command.settings.json, listAgents(command.settings), describeAgent, 'There are no agents.');
      return 0;
    case 'quarantine':
      print(command.settings.json, listQuarantine(command.settings), describeWaiting, 'Nothing waits.');
      return 0;
    case 'rotate':
      say(`${wishRotation(command.settings, Date.now)} will be asked for a new key.`);
      return 0;
    case 'revoke-agent':
      say(`${revoke(command.settings, Date.now)} is revoked. What it still delivers waits: see "quarantine".`);
      return 0;
    case 'unfreeze':
      unfreeze(command.settings);
      say(`${command.settings.agent} goes on from the history that was taken.`);
      return 0;
    case 'accept':
    case 'reject':
      say(`${command.settings.decision}: ${decideBatches(command.settings, Date.now)}`);
      return 0;
  }
}

function describeAgent(agent: AgentReport): string {
  const notes = [
    agent.waitsFor !== undefined && `waits for batch ${agent.waitsFor}`,
    agent.forks > 0 && `${agent.forks} forked batches kept as evidence`,
    agent.quarantined > 0 && `${agent.quarantined} batches wait for a decision`,
    agent.rejected > 0 && `${agent.rejected} rejected`,
    agent.rotating && 'asked for a new key',
  ].filter((note) => note !== false);
  return [agent.agent, agent.state.toUpperCase(), `filed through ${agent.filed}`, ...notes].join('  ');
}

function describeWaiting({ batch, agent, sequence, leaves, receivedAt, claimedFrom, claimedTo }: WaitingBatch): string {
  return `${batch}  agent ${agent}  number ${sequence}  ${leaves} leaves  came ${receivedAt}  claims ${claimedFrom} to ${claimedTo}`;
}

function print<T>(asJson: boolean, items: readonly T[], describe: (item: T) => string, none: string): void {
  if (asJson) say(JSON.stringify(items));
  else say(items.length === 0 ? none : items.map(describe).join('\n'));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
