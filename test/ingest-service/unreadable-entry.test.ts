/** An entry of the inbox that the disk altered: it is set aside, and what comes behind it is taken and filed. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCounters } from '../../ingest-service/counters.ts';
import { startIntake } from '../../ingest-service/intake.ts';
import { createUnsealer } from '../../ingest-service/unseal.ts';
import { openAcknowledgement } from '../../protocol/acknowledgement.ts';
import { readHeader } from '../../protocol/batch.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { type AgentId, encodeId } from '../../protocol/keys.ts';
import { batchesTopic } from '../../protocol/topics.ts';
import { type CoverageSite, openCoverageSite } from '../support/coverage-site.ts';

let site: CoverageSite;
let agent: AgentId;

beforeAll(async () => {
  site = await openCoverageSite(6);
  agent = encodeId(readHeader(site.signedHeaders[0]!).header.agent) as AgentId;
}, 30_000);
afterAll(() => site.close());

const idOf = (i: number) => encodeId(readHeader(site.signedHeaders[i]!).id);

function alter(i: number): void {
  const inbox = new DatabaseSync(join(site.directory, 'service', 'inbox.sqlite'), { timeout: 5000 });
  const { changes } = inbox.prepare('UPDATE entries SET body = zeroblob(length(body)) WHERE id = ?').run(idOf(i));
  inbox.close();
  expect(changes).toBe(1);
}

/** What a service says to a batch after it was started again on what is stored. */
async function receiveAfterStart(...batches: number[]): Promise<string[]> {
  const { store, inbox, keys } = site;
  const unsealer = await createUnsealer(keys.hpkeSecret);
  const about = { store, inbox, keys, unsealer, verify: verifyEd25519, clock: Date.now, counters: createCounters() };
  const intake = await startIntake(about);
  const said: string[] = [];
  for (const i of batches) {
    const answer = await intake.receive(batchesTopic(agent), site.envelopes[i]!);
    said.push(openAcknowledgement(answer!, keys.signer.publicKey, verifyEd25519).outcome);
  }
  return said;
}

it('while the service runs', { timeout: 30_000 }, async () => {
  await site.pauseFiling();
  for (const i of [0, 1, 2]) expect((await site.receive(site.envelopes[i]!)).outcome).toBe('held');
  alter(1);
  site.resumeFiling();
  await site.settle();
  const { batches, unreadable } = site.store;
  expect([0, 1, 2].map((i) => batches.get(idOf(i))?.sequence)).toEqual([1, undefined, 3]);
  expect([unreadable.has(idOf(1)), unreadable.idAt(agent, 2)]).toEqual([true, idOf(1)]);
});

it('and when it starts, also where it was the newest', { timeout: 30_000 }, async () => {
  await site.pauseFiling();
  expect(await receiveAfterStart(3)).toEqual(['held']);
  alter(3);
  expect(await receiveAfterStart(4, 3, 5)).toEqual(['held', 'duplicate', 'held']);
  site.resumeFiling();
  await site.settle();
  const { batches, unreadable } = site.store;
  expect([3, 4, 5].map((i) => batches.get(idOf(i))?.sequence)).toEqual([undefined, 5, 6]);
  expect(unreadable.newest(agent)).toEqual({ id: idOf(3), sequence: 4 });
});
