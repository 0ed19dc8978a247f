/**
 * What must hold at the end of every seed: nothing lost, nothing twice, nothing invented, order kept, consent obeyed,
 * nothing withheld without a reason, one log that agrees with everything that it ever said.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openServiceKeys } from '../../ingest-service/keys.ts';
import { openLogReader } from '../../ingest-service/log-reader.ts';
import { createUnsealer } from '../../ingest-service/unseal.ts';
import { DEFAULT_ORIGIN } from '../../ledger-writer/config.ts';
import { readHeader } from '../../protocol/batch.ts';
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { openCheckpoint } from '../../protocol/checkpoint.ts';
import { decodeContent, decodeEnvelope } from '../../protocol/envelope.ts';
import { encodeId } from '../../protocol/keys.ts';
import { decodeLeaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { hashLeaf } from '../../protocol/merkle.ts';
import { bindTiles } from '../../protocol/tlog-tiles.ts';
import { vitalSignByMdc } from '../../protocol/vital-signs.ts';
import { HEART_RATE, measuredOf, TEMPERATURE, type Wearable } from './home.ts';
import { logKeyOf } from './hub.ts';
import { runAs } from './scheduler.ts';
import type { World } from './world.ts';

const VITALS: Record<number, string> = { [HEART_RATE]: 'heart-rate', [TEMPERATURE]: 'body-temperature' };

/** Where a reading is in the record. */
interface Filed {
  readonly batch: string;
  readonly index: number;
}

export async function checkWorld(
  world: World,
  granted: readonly (readonly string[])[],
  counts: Record<string, number>,
): Promise<void> {
  const wearables = world.homes.flatMap((home) => home.wearables);
  const filed = runAs(world.service!.process, () => readRecord(world));
  counts.readings = [...filed.values()].flat().length;
  checkChains(world);
  runAs(world.service!.process, () => checkCounts(world, counts));
  const sequences = new Map(
    [...world.witness.chains.values()].flatMap((chain) => chain.map((id, i) => [id, i] as const)),
  );
  counts.batches = sequences.size;
  const sent = await readSent(world);
  for (const wearable of wearables) {
    checkReadings(world, wearable, filed, sent, counts);
    checkOrder(world, wearable, filed, sent, sequences);
  }
  const known = new Set(wearables.flatMap(({ handle, measured }) => measured.map(({ value }) => `${handle} ${value}`)));
  for (const name of filed.keys()) if (!known.has(name)) world.problem(`invented: ${name}`);
  for (const [i, ids] of granted.entries()) {
    const taken = world.witness.grantsOf(i);
    for (const id of ids) if (!taken.has(id)) world.problem('a grant was taken and is gone');
  }
  await checkLog(world, counts);
}

/** All filed readings of all patients, by device and value. */
function readRecord(world: World): Map<string, Filed[]> {
  const { store } = world.service!.service;
  const found = new Map<string, Filed[]>();
  for (const { subject } of world.people) {
    const patient = store.patients.bySubject(subject)!;
    for (const vital of store.segments.vitalsOf(patient)) {
      for (const { batch, index, leaf } of store.segments.readings(patient, vital, { sort: 'asc' })) {
        const name = nameOf(leaf);
        found.set(name, [...(found.get(name) ?? []), { batch, index }]);
      }
    }
  }
  return found;
}

function nameOf({ device, vital, value }: ReadingLeaf): string {
  const characteristic = vitalSignByMdc(vital)?.name === VITALS[HEART_RATE] ? HEART_RATE : TEMPERATURE;
  const { mantissa } = value as { mantissa: number };
  return `${encodeHex(device)} ${measuredOf(characteristic, mantissa)}`;
}

/** Batches in which a reading was sent, filed or not, by device and value. */
async function readSent(world: World): Promise<Map<string, string[]>> {
  const keys = openServiceKeys(join(world.hub.disk.directory, 'keys', 'service'), false);
  const unsealer = await createUnsealer(keys.hpkeSecret);
  const found = new Map<string, string[]>();
  for (const payload of world.mischief.payloads()) {
    let content: ReturnType<typeof decodeContent>;
    try {
      content = decodeContent(await unsealer.open(decodeEnvelope(new Uint8Array(payload))));
    } catch {
      continue; // a report
    }
    const batch = encodeId(readHeader(content.signedHeader).id);
    for (const body of content.segments.flatMap(({ bodies }) => bodies)) {
      const leaf = decodeLeaf(body);
      if (leaf.kind === 'reading') found.set(nameOf(leaf), [...(found.get(nameOf(leaf)) ?? []), batch]);
    }
  }
  return found;
}

/** Each agent's batches are all filed, each on the one before. */
function checkChains(world: World): void {
  const { store } = world.service!.service;
  for (const { index, running } of world.homes) {
    const chain = world.witness.chains.get(running!.gateway.id) ?? [];
    const { sealed, halted, outbox, pending } = running!.gateway.status();
    if (halted) world.problem(`agent${index} halted: ${halted}`);
    if (sealed !== chain.length) world.problem(`agent${index} sealed ${sealed} batches, ${chain.length} are filed`);
    if (outbox > 0 || pending > 0) world.problem(`agent${index} is not done: ${outbox} batches, ${pending} leaves`);
    let before: string | undefined;
    let place = -1;
    for (const id of chain) {
      const batch = store.batches.get(id)!;
      const { header } = readHeader(batch.signedHeader);
      if (before && encodeId(header.previous) !== before) world.problem(`agent${index}: a batch follows another one`);
      const at = store.batches.logIndex(id);
      if (at === undefined) world.problem(`agent${index}: a batch is in no checkpoint`);
      else if (at <= place) world.problem(`agent${index}: the log has its batches out of order`);
      place = at ?? place;
      before = id;
    }
  }
}

/**
 * What a certificate of coverage counts, of every patient in every batch: what the agent sealed is in the record, was there
 * before, or was withheld at the gate or by the filing, and nothing is missing.
 */
function checkCounts(world: World, counts: Record<string, number>): void {
  const { store } = world.service!.service;
  for (const id of [...world.witness.chains.values()].flat()) {
    for (const { subject } of world.people) {
      const patient = store.patients.bySubject(subject)!;
      const leaf = store.segments.coverageIn(patient, id)[0]?.leaf;
      if (leaf?.kind !== 'coverage' || !leaf.tally) continue;
      const { doubles, withheld } = store.batches.counts(id, patient.id);
      const missing = leaf.tally.readings - store.segments.readingsIn(patient, id).length - doubles - withheld;
      if (missing !== 0) world.problem(`missing: ${missing} readings of a batch, and nobody says why`);
      counts['withheld for want of consent'] = (counts['withheld for want of consent'] ?? 0) + withheld;
    }
  }
}

function checkReadings(
  world: World,
  { handle, patient, characteristic, measured }: Wearable,
  filed: ReadonlyMap<string, Filed[]>,
  sent: ReadonlyMap<string, string[]>,
  counts: Record<string, number>,
): void {
  const { witness, scheduler } = world;
  const vital = VITALS[characteristic]!;
  for (const { value, heardAt, confirmedAt } of measured) {
    const name = `${handle} ${value}`;
    const places = filed.get(name) ?? [];
    const what = `${vital} ${value} of patient ${patient}`;
    if (places.length > 1) world.problem(`doubled: ${what}, ${places.length} times`);
    if (places.length > 0 && heardAt === undefined) world.problem(`invented: ${what}`);
    for (const { batch } of places) {
      const step = witness.filedAt.get(batch)!;
      if (!witness.permitted(patient, vital, handle, step, step, 'ever'))
        world.problem(`filed without consent: ${what}`);
    }
    if (places.length > 0 || confirmedAt === undefined) continue;
    const batches = sent.get(name);
    if (!batches) {
      world.problem(`lost: ${what}, never sent`);
      continue;
    }
    const until = Math.max(...batches.map((batch) => witness.filedAt.get(batch) ?? scheduler.steps));
    if (witness.permitted(patient, vital, handle, heardAt!, until, 'always')) world.problem(`lost: ${what}`);
    counts.withheld = (counts.withheld ?? 0) + 1;
  }
}

/**
 * What was durable before another was heard is not in a later batch. Asked of the first batch in which it was sent: what
 * consent withheld then may be told again, and be filed later.
 */
function checkOrder(
  world: World,
  { handle, measured }: Wearable,
  filed: ReadonlyMap<string, Filed[]>,
  sent: ReadonlyMap<string, readonly string[]>,
  sequences: ReadonlyMap<string, number>,
): void {
  let newest = -1;
  let surely = 0;
  for (const { value, heardAt, confirmedAt } of measured) {
    const name = `${handle} ${value}`;
    const batches = [...(sent.get(name) ?? []), ...(filed.get(name) ?? []).map(({ batch }) => batch)];
    const sequence = Math.min(...batches.map((batch) => sequences.get(batch) ?? Number.POSITIVE_INFINITY));
    if (sequence === Number.POSITIVE_INFINITY || heardAt === undefined || confirmedAt === undefined) continue;
    if (heardAt > surely && sequence < newest) world.problem(`out of order: ${value}`);
    newest = Math.max(newest, sequence);
    surely = Math.max(surely, confirmedAt);
  }
}

async function checkLog(world: World, counts: Record<string, number>): Promise<void> {
  const { directory } = world.hub.disk;
  const key = logKeyOf(directory);
  const { checkpoints } = world.witness;
  const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
  const heads = checkpoints.map((note) => openCheckpoint(note, [key], DEFAULT_ORIGIN).checkpoint);
  const last = heads.at(-1)!;
  counts.checkpoints = new Set(checkpoints).size;
  const tiles = await bindTiles(last, openLogReader(join(directory, 'log')), sha256);
  for (const { size, root } of heads) {
    if (size > last.size) world.problem(`the log went back from ${size} to ${last.size}`);
    else if (!equalBytes(await tiles.rootAt(size), root)) world.problem(`the log is not what it was at ${size}`);
  }
  const record = new DatabaseSync(join(directory, 'service', 'record.sqlite'), { readOnly: true });
  const rows = record.prepare('SELECT commitment, log_index AS place FROM commitments').all() as {
    commitment: Uint8Array;
    place: number | null;
  }[];
  record.close();
  if (rows.length !== last.size) world.problem(`${rows.length} commitments, ${last.size} entries in the log`);
  if (new Set(rows.map(({ place }) => place)).size !== rows.length) world.problem('two commitments in one place');
  for (const { commitment, place } of rows) {
    if (place === null || place >= last.size) world.problem('a commitment is not in the log');
    else if (!equalBytes(await tiles.leafHash(place), hashLeaf(commitment, sha256))) {
      world.problem('another commitment is where the log should have this one');
    }
  }
}
