/** Hostile recordings: records or a Fault, quickly; and nothing in a record stops what reads further. FUZZ_RUNS sets how many. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../protocol/fault.ts';
import { type CaptureRecord, readBtsnoop, writeBtsnoop } from '../../simulators/btsnoop/btsnoop-file.ts';
import { extractPeripheral, listPeripherals } from '../../simulators/btsnoop/extract-peripheral.ts';
import { redact } from '../../simulators/btsnoop/redact.ts';
import { createReplayPeripheral } from '../../simulators/btsnoop/replay-peripheral.ts';
import { recordRadio, STRAP } from '../support/recorded-radio.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 1000);
const SLOWEST_MS = 1000;
const { file } = await recordRadio();
const genuine = readBtsnoop(file);

/** Runs it; a Fault is fine, anything else that is thrown fails the test. */
function tried<T>(run: () => T): T | undefined {
  const started = process.threadCpuUsage();
  try {
    return run();
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  } finally {
    expect(process.threadCpuUsage(started).user / 1000).toBeLessThan(SLOWEST_MS);
  }
}

const changes = fc.array(fc.tuple(fc.nat({ max: 4095 }), fc.nat({ max: 255 })), { maxLength: 8 });

describe('readBtsnoop', () => {
  it('returns or refuses', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((tail) => Uint8Array.from([...file.subarray(0, 16), ...tail])),
      fc.tuple(changes, fc.nat({ max: 4096 })).map(([list, length]) => {
        const changed = file.slice(0, length);
        for (const [at, octet] of list) if (at < length) changed[at] = octet;
        return changed;
      }),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        const records = tried(() => readBtsnoop(input));
        if (records) expect(readBtsnoop(writeBtsnoop(records))).toEqual(records.filter(({ cut }) => !cut));
      }),
      { numRuns },
    );
  });
});

describe('what reads on', () => {
  /** Records of a true recording, some of them changed, cut short, doubled, or moved. */
  const start = fc.nat({ max: genuine.length - 1 });
  const changed = fc.array(fc.tuple(start, changes, fc.nat({ max: 80 }), fc.boolean()), { maxLength: 12 });
  const hostile = fc.tuple(changed, fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 4 }));

  it('never fails but with a Fault, and keeps no address', () => {
    const octets = Buffer.from(STRAP.address.replaceAll(':', ''), 'hex').reverse();
    fc.assert(
      fc.property(hostile, ([edits, additions]) => {
        const records: CaptureRecord[] = [...genuine];
        for (const [index, list, length, doubles] of edits) {
          const packet = Uint8Array.from(records[index]!.packet);
          for (const [at, octet] of list) packet[at % packet.length] = octet;
          const record = { ...records[index]!, packet: packet.slice(0, Math.max(1, length)) };
          records.splice(index, doubles ? 0 : 1, record);
        }
        for (const packet of additions) records.push({ atUs: 0, direction: 'received', packet, cut: false });
        for (const { address } of listPeripherals(records)) {
          const capture = tried(() => extractPeripheral(records, { address }));
          if (capture) tried(() => createReplayPeripheral(capture));
        }
        const redacted = tried(() => redact(records, { keep: STRAP.address, keepBroadcasts: true }))!;
        for (const { packet } of redacted.records) expect(Buffer.from(packet).includes(octets)).toBe(false);
      }),
      { numRuns: Math.ceil(numRuns / 10) },
    );
  });
});
