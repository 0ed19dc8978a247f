/** What an operator decides about agents on the data directory, beside a running service or without one. */
import { readHeader } from '../protocol/batch.ts';
import { Fault } from '../protocol/fault.ts';
import type { AgentId } from '../protocol/keys.ts';
import { type Clock, formatInstant } from '../protocol/time.ts';
import { type AgentReport, reportAgents } from './agent-view.ts';
import {
  type AgentSettings,
  type DataSettings,
  type DecideSettings,
  type RevokeSettings,
  servicePaths,
} from './config.ts';
import { admitBatch, currentName, rejectBatch, revokeAgent } from './key-changes.ts';
import { openServiceKeys } from './keys.ts';
import { withRecord } from './operator.ts';

/** Asks for a new key of an agent; a running service passes it on within seconds, and again until it is there. */
export function wishRotation({ data, agent }: AgentSettings, clock: Clock): AgentId {
  return withRecord(data, (store) => {
    const name = currentName(store, agent);
    if (store.keyEvents.revocationOf(name)) throw new Fault('revoked', 'its key is revoked: enrol it anew');
    store.transaction(() => store.keyEvents.wishRotation(name, clock()));
    return name;
  });
}

/** Revokes an agent; a running service ends its connections within seconds. Throws `not-found`, `revoked`. */
export function revoke({ data, agent, reason }: RevokeSettings, clock: Clock): AgentId {
  const { signer } = openServiceKeys(servicePaths(data).keys, false);
  return withRecord(data, (store) => revokeAgent({ store, signer, clock }, agent, reason));
}

/** Lets an agent that signed two histories go on from the one that was taken. Throws `not-found`. */
export function unfreeze({ data, agent }: AgentSettings): void {
  withRecord(data, (store) => {
    if (!store.transaction(() => store.suspects.unfreeze(agent))) throw new Fault('not-found', 'it is not frozen');
  });
}

/** Every agent, and what is to be known of it. Throws `missing`. */
export function listAgents({ data }: DataSettings): readonly AgentReport[] {
  return withRecord(data, reportAgents);
}

/** Every batch that waits for a decision. Throws `missing`. */
export function listQuarantine({ data }: DataSettings): readonly WaitingBatch[] {
  return withRecord(data, (store) =>
    store.quarantine.waiting().map(({ batch, agent, sequence, receivedAt, signedHeader }) => {
      const { openedAt, closedAt, leafCount } = readHeader(signedHeader).header;
      const span = { claimedFrom: formatInstant(openedAt), claimedTo: formatInstant(closedAt) };
      return { batch, agent, sequence, leaves: leafCount, receivedAt: formatInstant(receivedAt), ...span };
    }),
  );
}

/** Decides on one batch that waits, or on all of an agent; gives how many. Throws `not-found`. */
export function decideBatches({ data, agent, batch, decision }: DecideSettings, clock: Clock): number {
  const { signer } = openServiceKeys(servicePaths(data).keys, false);
  return withRecord(data, (store) => {
    const chosen = store.quarantine.waiting().filter((each) => (batch ? each.batch === batch : each.agent === agent));
    if (chosen.length === 0) throw new Fault('not-found', 'no such batch waits; "quarantine" lists them');
    for (const each of chosen) {
      if (decision === 'accepted') admitBatch({ store, signer, clock }, each.batch);
      else rejectBatch({ store, clock }, each.batch);
    }
    return chosen.length;
  });
}

/** A batch that waits, as an operator is shown it: when it came, and which time it claims to be of. */
export interface WaitingBatch {
  readonly batch: string;
  readonly agent: string;
  readonly sequence: number;
  readonly leaves: number;
  readonly receivedAt: string;
  readonly claimedFrom: string;
  readonly claimedTo: string;
}
