import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../edge-agent/database.ts';
import { openDoubles, REMEMBER_DAYS } from '../../edge-agent/doubles.ts';
import { Pending } from '../../edge-agent/pending.ts';
import { createRowCipher } from '../../edge-agent/storage-cipher.ts';
import { type DeviceLeaf, decodeLeaf } from '../../protocol/leaf.ts';
import { makeFolder, NOON } from '../support/test-gateway.ts';

const agent = new Uint8Array(32).fill(1);
const storageKey = new Uint8Array(32).fill(2);
const leaf: DeviceLeaf = {
  kind: 'device',
  subject: agent,
  device: new Uint8Array(16),
  heardAt: NOON,
  address: 'c0:ff:ee:00:00:01',
  addressType: 'random',
  link: 'unbonded',
  test: true,
};

let folder: string;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

function open() {
  const db = openDatabase(folder, agent);
  const failures: unknown[] = [];
  const disk: boolean[] = [];
  const pending = new Pending({
    db,
    doubles: openDoubles(db, () => NOON),
    storageKey,
    boot: new Uint8Array(randomBytes(16)),
    groupMs: 2,
    clock: () => NOON,
    onCommit: () => undefined,
    onDiskFull: (full) => disk.push(full),
    onFailure: (error) => failures.push(error),
  });
  return { db, pending, failures, disk };
}

describe('Pending', () => {
  it('keeps order and boot over a restart, and never numbers a row twice', async () => {
    const first = open();
    await first.pending.append([{ leaf }, { leaf: { ...leaf, heardAt: NOON + 1 } }]);
    first.db.close();
    const second = open();
    await second.pending.append([{ leaf: { ...leaf, heardAt: NOON + 2 } }]);
    const rows = second.pending.oldest(10)!;
    expect(rows.bodies.map(decodeLeaf)).toMatchObject([{ heardAt: NOON }, { heardAt: NOON + 1 }]);
    expect(second.pending).toMatchObject({ count: 3, lastRow: 3 });
    second.pending.remove(rows);
    second.pending.removed(rows);
    expect(second.pending.oldest(10)!.bodies.map(decodeLeaf)).toMatchObject([{ heardAt: NOON + 2 }]);
    second.pending.remove(second.pending.oldest(10)!);
    second.db.close();
    expect(open().pending.lastRow).toBe(3);
  });

  it('refuses while the disk is full, and loses nothing of before', async () => {
    const { db, pending, failures, disk } = open();
    await pending.append([{ leaf }]);
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number };
    db.exec(`PRAGMA max_page_count = ${pages}`);
    const mark = { second: 1, hash: new Uint8Array(16) };
    const many = Array.from({ length: 200 }, (_, i) => ({ leaf: { ...leaf, heardAt: NOON + i } }));
    const refusal = { code: 'unavailable', retry: 'later' };
    await expect(pending.append([{ leaf, mark }, ...many])).rejects.toMatchObject(refusal);
    await expect(pending.append(many)).rejects.toMatchObject(refusal);
    expect([failures.length, disk.at(-1), pending.count]).toEqual([0, true, 1]);
    db.exec('PRAGMA max_page_count = 1000000');
    // Its mark went with it: heard again, it is no double.
    expect(await pending.append([{ leaf, mark }])).toEqual({ kept: 1, doubles: 0 });
    expect(disk.at(-1)).toBe(false);
    db.close();
    const again = open();
    expect([again.pending.count, again.pending.octets]).toEqual([2, pending.octets]);
    again.db.close();
  });

  it('refuses everything after the database failed once, and loses nothing of before', async () => {
    const { db, pending, failures } = open();
    await pending.append([{ leaf }]);
    db.exec('DROP TABLE doubles');
    const mark = { second: 1, hash: new Uint8Array(16) };
    await expect(pending.append([{ leaf }, { leaf, mark }])).rejects.toMatchObject({ retry: 'never' });
    expect(failures.length).toBe(1);
    await expect(pending.append([{ leaf }])).rejects.toMatchObject({ code: 'unavailable' });
    expect(pending.oldest(10)!.bodies.length).toBe(1);
    db.close();
  });

  it('notices a row that was moved or changed', async () => {
    const { db, pending } = open();
    await pending.append([{ leaf }, { leaf }]);
    db.exec('UPDATE pending SET body = (SELECT body FROM pending WHERE row = 1) WHERE row = 2');
    expect(() => pending.oldest(2)).toThrow('does not decrypt');
    db.close();
    const cipher = createRowCipher(storageKey, agent);
    const sealed = cipher.encrypt(1, Uint8Array.of(1, 2, 3));
    for (let i = 0; i < sealed.length; i++) {
      expect(() => cipher.decrypt(1, sealed.with(i, sealed[i]! ^ 1))).toThrow();
      expect(() => cipher.decrypt(1, sealed.subarray(0, i))).toThrow();
    }
    expect(cipher.decrypt(1, sealed)).toEqual(Uint8Array.of(1, 2, 3));
  });
});

it('sets aside at a start what does not open, whichever row it is, and goes on with the rest', async () => {
  const first = open();
  await first.pending.append([{ leaf }, { leaf }, { leaf }, { leaf }]);
  first.db.exec('UPDATE pending SET body = zeroblob(length(body)) WHERE row IN (2, 4)');
  first.db.close();
  const { db, pending } = open();
  expect([pending.count, pending.lastRow, [...pending.readings()]]).toEqual([2, 4, []]);
  await pending.append([{ leaf }]);
  expect(pending.lastRow).toBe(5);
  const oldest = pending.oldest(10)!;
  expect([oldest.bodies.length, oldest.through]).toEqual([2, 3]); // of one boot
  db.exec('BEGIN');
  pending.remove(oldest);
  db.exec('COMMIT');
  pending.removed(oldest);
  expect([pending.count, pending.octets > 0, pending.oldest(10)!.through]).toEqual([1, true, 5]);
  expect(db.prepare('SELECT row FROM unreadable').all()).toEqual([{ row: 2 }, { row: 4 }]);
  db.close();
});

describe('Doubles', () => {
  it('forgets by real age, and nothing that a device goes on sending', () => {
    const { db } = open();
    let now = NOON;
    const doubles = openDoubles(db, () => now);
    const [once, often] = [1, 2].map((octet) => ({ second: 5, hash: new Uint8Array(16).fill(octet) }));
    const later = (days: number) => {
      now += days * 86_400_000;
      doubles.prune();
    };
    expect([doubles.note(once!), doubles.note(often!), doubles.note(often!)]).toEqual([true, true, false]);
    later(REMEMBER_DAYS);
    expect(doubles.note(often!)).toBe(false);
    later(1);
    expect([doubles.note(once!), doubles.note(often!)]).toEqual([true, false]);
    later(REMEMBER_DAYS + 1);
    expect(doubles.note(often!)).toBe(true);
    db.close();
  });
});
