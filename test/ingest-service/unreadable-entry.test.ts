/**
 * An entry of the inbox that the disk altered: what can be mended is, the rest is set aside, what comes behind it is taken and
 * filed, and what the agent still has is taken again, once.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKeys } from '../../edge-agent/keys.ts';
import { createContentSealer } from '../../edge-agent/seal.ts';
import { openSecretFiles } from '../../edge-agent/secret-files.ts';
import { startIntake } from '../../ingest-service/intake.ts';
import { revokeAgent } from '../../ingest-service/key-changes.ts';
import { scrubService } from '../../ingest-service/scrub/scrub-service.ts';
import { createUnsealer } from '../../ingest-service/unseal.ts';
import { openAcknowledgement } from '../../protocol/acknowledgement.ts';
import { readHeader, signHeader } from '../../protocol/batch.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { decodeContent, decodeEnvelope, encodeContent } from '../../protocol/envelope.ts';
import { type AgentId, encodeId } from '../../protocol/keys.ts';
import { batchesTopic } from '../../protocol/topics.ts';
import { type CoverageSite, openCoverageSite } from '../support/coverage-site.ts';

let site: CoverageSite;
let agent: AgentId;

beforeEach(async () => {
  site = await openCoverageSite(4);
  agent = encodeId(readHeader(site.signedHeaders[0]!).header.agent) as AgentId;
}, 30_000);
afterEach(() => site.close());

const idOf = (i: number) => encodeId(readHeader(site.signedHeaders[i]!).id);

type Change = readonly [what: string, sql: string];
const BODY: Change = ['body', 'body = zeroblob(length(body))'];
const KEY: Change = ['agent', "key = 'b' || substr(key, 2)"];
const ONE_BIT: Change = ['bit of the name', 'one bit'];
const EIGHTH_BIT: Change = ['eighth bit of a letter of the name', 'eighth bit'];
const OTHER_NAME: Change = ['whole name', `id = '${encodeId(new Uint8Array(32).fill(9))}'`];
const NO_NAME: Change = ['name, which is none', "id = '1' || substr(id, 2, 40) || '!?'"];
const HEAD: Change = ['head of its row', "id = substr(id, 1, 30), key = '?', body = zeroblob(9)"];

/** SQL of a change; what is done to a letter is done to the first, because the last has spare bits. */
function sqlOf([, sql]: Change, id: string): string {
  const letter = id.charCodeAt(0);
  const flip = { 'one bit': nearBit(letter), 'eighth bit': 0x80 }[sql];
  if (flip === undefined) return sql;
  const name = Buffer.concat([Uint8Array.of(letter ^ flip), Buffer.from(id.slice(1))]);
  return `id = CAST(x'${name.toString('hex')}' AS TEXT)`;
}

/** A bit whose flip makes another letter of the alphabet. */
function nearBit(letter: number): number {
  return [1, 2, 4, 8, 16].find((bit) => /[a-z2-7]/.test(String.fromCharCode(letter ^ bit)))!;
}

function alter(i: number, change: Change): void {
  const inbox = new DatabaseSync(join(site.directory, 'service', 'inbox.sqlite'), { timeout: 5000 });
  const { changes } = inbox.prepare(`UPDATE entries SET ${sqlOf(change, idOf(i))} WHERE id = ?`).run(idOf(i));
  inbox.close();
  expect(changes).toBe(1);
}

type Receive = (envelope: number | Uint8Array) => Promise<string>;

/** A service that was started again on what is stored. */
async function startAgain(): Promise<Receive> {
  const { store, inbox, keys, filer, counters } = site;
  const unsealer = await createUnsealer(keys.hpkeSecret);
  const verify = verifyEd25519;
  const intake = await startIntake({ store, inbox, keys, unsealer, verify, clock: Date.now, counters, filer });
  return async (one) => {
    const answer = await intake.receive(batchesTopic(agent), typeof one === 'number' ? site.envelopes[one]! : one);
    const said = openAcknowledgement(answer!, keys.signer.publicKey, verify);
    return said.code ?? said.outcome;
  };
}

/** A second history: the same readings under another header, signed with the agent's key. */
async function fork(i: number): Promise<Uint8Array> {
  const unsealer = await createUnsealer(site.keys.hpkeSecret);
  const { segments, signedHeader } = decodeContent(await unsealer.open(decodeEnvelope(site.envelopes[i]!)));
  const { header } = readHeader(signedHeader);
  const { signer } = openKeys(openSecretFiles(join(site.directory, 'home', 'keys')), false);
  const { signed } = signHeader({ ...header, closedAt: header.closedAt + 1 }, signer);
  const seal = await createContentSealer(unsealer.publicKey);
  return seal(deflateRawSync(encodeContent({ signedHeader: signed, segments })), header.agent);
}

async function receiveAll(receive: Receive, ...batches: (number | Uint8Array)[]): Promise<string[]> {
  const said: string[] = [];
  for (const one of batches) said.push(await receive(one));
  return said;
}

const filed = () => [0, 1, 2, 3].map((i) => site.store.batches.get(idOf(i))?.sequence);
const counted = () => {
  const counts = site.counters.snapshot();
  return [counts['inbox.unreadable'] ?? 0, counts['inbox.mended'] ?? 0, counts['inbox.recovered'] ?? 0];
};
const namedByScrubber = async () => {
  const { found } = await scrubService(site.directory, site.log.key);
  return found.filter(({ file }) => file === 'service/inbox.sqlite').map(({ says }) => says);
};

/** Holds the first ones, alters one of them, and files. */
async function alterWhileRunning(held: number, i: number, change: Change): Promise<void> {
  await site.pauseFiling();
  for (let k = 0; k < held; k++) expect((await site.receive(site.envelopes[k]!)).outcome).toBe('held');
  alter(i, change);
  await settle();
}

/** Holds the first ones, alters one of them, and starts again; nothing is filed yet. */
async function alterAndStart(held: number, i: number, change: Change): Promise<Receive> {
  await site.pauseFiling();
  for (let k = 0; k < held; k++) expect((await site.receive(site.envelopes[k]!)).outcome).toBe('held');
  alter(i, change);
  return startAgain();
}

async function settle(): Promise<void> {
  site.resumeFiling();
  await site.settle();
}

it.each([ONE_BIT, EIGHTH_BIT, KEY])(
  'of which the disk altered the %s is filed',
  { timeout: 30_000 },
  async (...change) => {
    await alterWhileRunning(2, 1, change);
    expect(filed()).toEqual([1, 2, undefined, undefined]);
    await site.pauseFiling();
    await site.receive(site.envelopes[2]!);
    alter(2, change);
    const receive = await startAgain();
    expect(await namedByScrubber()).toContain('entry 2 is not what was held');
    expect(await receiveAll(receive, 2, 3)).toEqual(['duplicate', 'held']);
    await settle();
    expect(filed()).toEqual([1, 2, 3, 4]);
    expect(counted()).toEqual([0, change[0] === KEY[0] ? 0 : 2, 0]);
    expect(site.store.suspects.frozenSince(agent)).toBeUndefined();
  },
);

describe.each([BODY, NO_NAME])('of which the disk altered the %s', (...change) => {
  it('is lost while the service runs, and taken again from the agent, once', { timeout: 30_000 }, async () => {
    await alterWhileRunning(3, 1, change);
    expect(filed()).toEqual([1, undefined, 3, undefined]);
    expect(counted()).toEqual([1, 0, 0]);
    expect(await namedByScrubber()).toEqual(['entry 1 is not what was held']);
    expect(await receiveAll(await startAgain(), 1, 1, 3)).toEqual(['held', 'duplicate', 'held']);
    // A crash on the way comes to the same: what is asked is the record.
    expect(await receiveAll(await startAgain(), 1, 2, 3)).toEqual(['duplicate', 'duplicate', 'duplicate']);
    await site.settle();
    expect(filed()).toEqual([1, 2, 3, 4]);
    expect(counted()).toEqual([1, 0, 1]);
  });

  it('is no way in for a second history, once the next batch names it', { timeout: 30_000 }, async () => {
    const receive = await alterAndStart(3, 1, change);
    expect(await receiveAll(receive, await fork(1), 1)).toEqual(['forked', 'frozen']);
    expect(site.store.suspects.frozenSince(agent)).toBeDefined();
  });
});

describe.each([BODY, OTHER_NAME, NO_NAME, HEAD])('of which the disk altered the %s', (...change) => {
  it('is passed by what comes next, where it was the newest', { timeout: 30_000 }, async () => {
    const receive = await alterAndStart(2, 1, change);
    expect(await namedByScrubber()).toEqual(['entry 1 is not what was held']);
    expect(await receiveAll(receive, 2, 3, 2, 1, 1)).toEqual(['held', 'held', 'duplicate', 'held', 'duplicate']);
    await settle();
    expect(filed()).toEqual([1, 2, 3, 4]);
    expect(counted()).toEqual([1, 0, 1]);
    expect(await receiveAll(await startAgain(), 0, 1, 2, 3)).toEqual(Array(4).fill('duplicate'));
    expect(site.store.suspects.frozenSince(agent)).toBeUndefined();
  });
});

it('is passed after one more start', { timeout: 30_000 }, async () => {
  await alterAndStart(2, 1, OTHER_NAME);
  await settle();
  expect(await receiveAll(await startAgain(), 2)).toEqual(['held']);
  expect(await receiveAll(await startAgain(), 3, 1)).toEqual(['held', 'held']);
  await site.settle();
  expect(filed()).toEqual([1, 2, 3, 4]);
  expect(counted()).toEqual([1, 0, 1]);
});

it('comes again before anything else', { timeout: 30_000 }, async () => {
  const receive = await alterAndStart(2, 1, OTHER_NAME);
  expect(await receiveAll(receive, 1, 1, 2)).toEqual(['held', 'duplicate', 'held']);
  await settle();
  expect(filed()).toEqual([1, 2, 3, undefined]);
  expect(counted()).toEqual([1, 0, 1]);
});

it('comes again before anything else, where only its id is left', { timeout: 30_000 }, async () => {
  const receive = await alterAndStart(2, 1, ["agent's name and body", "key = '?', body = zeroblob(9)"]);
  expect(await receiveAll(receive, 1, 1, 2)).toEqual(['held', 'duplicate', 'held']);
  await settle();
  expect(filed()).toEqual([1, 2, 3, undefined]);
  expect(site.store.unreadable.hasStray()).toBe(false);
});

it.each([
  ['only its id is left', "key = '?', body = zeroblob(9)"],
  ['nothing is left', "id = substr(id, 1, 30), key = '?', body = zeroblob(9)"],
] as const)('comes again behind what followed it, where %s', { timeout: 30_000 }, async (...change) => {
  const receive = await alterAndStart(3, 1, change);
  expect(await receiveAll(receive, 1, 1, 3)).toEqual(['held', 'duplicate', 'held']);
  await settle();
  expect(filed()).toEqual([1, 2, 3, 4]);
  expect(site.store.unreadable.hasStray()).toBe(false); // nobody else can claim it
});

it('that was filed, and lay there as the newest, takes no place', { timeout: 30_000 }, async () => {
  for (const k of [0, 1]) await site.receive(site.envelopes[k]!);
  await site.settle();
  alter(1, OTHER_NAME);
  const receive = await startAgain();
  expect(counted()).toEqual([0, 0, 0]);
  expect(await receiveAll(receive, 2, 3)).toEqual(['held', 'held']);
  await site.settle();
  expect(filed()).toEqual([1, 2, 3, 4]);
});

it('of a key that was revoked comes again and waits for people', { timeout: 30_000 }, async () => {
  const receive = await alterAndStart(2, 1, BODY);
  const { store, keys } = site;
  revokeAgent({ store, signer: keys.signer, clock: Date.now }, agent, 'lost');
  expect(await receiveAll(receive, 1, 1)).toEqual(['quarantined', 'quarantined']);
  expect(store.quarantine.get(idOf(1))?.sequence).toBe(2);
  expect(store.unreadable.newest(agent)).toBeUndefined();
});
