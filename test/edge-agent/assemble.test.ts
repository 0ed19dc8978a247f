import { rmSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAssembler } from '../../edge-agent/assemble.ts';
import type { Notification } from '../../edge-agent/observe.ts';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { encodeBloodPressureRecord } from '../../protocol/gatt/blood-pressure-record.ts';
import { encodeGhsSegment } from '../../protocol/gatt/ghs.ts';
import { readingsOf } from '../../protocol/gatt/readings.ts';
import { splitIntoSegments } from '../../protocol/gatt/segments.ts';
import { explainReading } from '../../protocol/recheck.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import { CUFF, makeFolder, NOON, openTestGateway } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';
import { turns, until } from '../support/until.ts';

const METER = 'c0:ff:ee:00:00:09';

/** 84 mg/dL of capillary plasma, record `sequence`; `follows` announces its context. */
const glucose = (sequence: number, follows = true) => `${follows ? '12' : '02'}${u16(sequence)}ea07010108000054b012`;
/** Before a meal. */
const context = (sequence: number) => `02${u16(sequence)}01`;

function u16(value: number): string {
  return encodeHex(Uint8Array.of(value & 0xff, value >> 8));
}

function value(characteristic: number, hex: string, more: Partial<Notification> = {}): Notification {
  return { device: METER, connection: 1, characteristic, value: decodeHex(hex), heardAt: NOON, ...more };
}

/** An assembler whose timers run when told, and whose values become durable when told. */
function open() {
  const heard: string[] = [];
  const durable: (() => void)[] = [];
  const timers = new Set<() => void>();
  let failure: Error | undefined;
  const assembler = openAssembler({
    hear: ({ characteristic, value: bytes, companion }) => {
      heard.push(
        [characteristic.toString(16), encodeHex(bytes), companion ? encodeHex(companion) : ''].join(' ').trim(),
      );
      if (failure) return Promise.reject(failure);
      return new Promise((resolve) => durable.push(resolve));
    },
    after: (ms, run) => {
      expect(ms).toBe(2000);
      timers.add(run);
      return () => timers.delete(run);
    },
  });
  return {
    assembler,
    heard,
    timers,
    expire: () => {
      for (const run of [...timers]) run();
    },
    store: () => {
      for (const resolve of durable.splice(0)) resolve();
    },
    fail: (error: Error) => {
      failure = error;
    },
  };
}

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await turns(2);
  return settled;
}

describe('a glucose measurement', () => {
  it('waits for its context, and both are done when the readings are durable', async () => {
    const { assembler, heard, timers, store } = open();
    const measured = assembler.hear(value(0x2a18, glucose(7)));
    expect(heard).toEqual([]);
    const around = assembler.hear(value(0x2a34, context(7)));
    expect(heard).toEqual([`2a18 ${glucose(7)} ${context(7)}`]);
    expect(timers.size).toBe(0);
    expect(await isSettled(measured)).toBe(false);
    expect(await isSettled(around)).toBe(false);
    store();
    await Promise.all([measured, around]);
    expect(assembler.counts).toEqual({ lostRecords: 0, withoutContext: 0 });
  });

  it('goes on at once when it announces none', () => {
    const { assembler, heard, timers } = open();
    assembler.hear(value(0x2a18, glucose(7, false)));
    expect([heard, timers.size]).toEqual([[`2a18 ${glucose(7, false)}`], 0]);
  });

  it.each<[string, (opened: ReturnType<typeof open>) => void]>([
    ['after two seconds', ({ expire }) => expire()],
    ['at the next record', ({ assembler }) => void assembler.hear(value(0x2a18, glucose(8)))],
    ['at the end of its link', ({ assembler }) => assembler.linkEnded(METER.toUpperCase())],
    ['on the next connection', ({ assembler }) => void assembler.hear(value(0x2a34, context(7), { connection: 2 }))],
    ['when all ends', ({ assembler }) => assembler.end()],
    ['when it is asked to', ({ assembler }) => assembler.goOn()],
  ])('goes on without it %s, once, and is done when it is durable', async (_, happen) => {
    const opened = open();
    const { assembler, heard, store, expire } = opened;
    const measured = assembler.hear(value(0x2a18, glucose(7)));
    happen(opened);
    expect(heard[0]).toBe(`2a18 ${glucose(7)}`);
    expect(await isSettled(measured)).toBe(false);
    store();
    await measured;
    expire();
    expect(heard.filter((line) => line.includes(glucose(7)))).toHaveLength(1);
    expect(assembler.counts.withoutContext).toBeGreaterThan(0);
  });

  it('does not take the context of another record, nor of another device, nor one that is none', () => {
    const { assembler, heard, expire } = open();
    assembler.hear(value(0x2a18, glucose(7)));
    assembler.hear(value(0x2a34, context(8)));
    assembler.hear(value(0x2a34, context(7), { device: CUFF }));
    assembler.hear(value(0x2a34, '02'));
    expect(heard).toEqual([`2a34 ${context(8)}`, `2a34 ${context(7)}`, '2a34 02']);
    expire();
    expect(heard.at(-1)).toBe(`2a18 ${glucose(7)}`);
  });

  it('tells all who wait that it could not be stored', async () => {
    const { assembler, fail } = open();
    const measured = assembler.hear(value(0x2a18, glucose(7)));
    fail(new Error('disk'));
    const around = assembler.hear(value(0x2a34, context(7)));
    await expect(measured).rejects.toThrow('disk');
    await expect(around).rejects.toThrow('disk');
  });
});

describe('a body composition of two values', () => {
  const first = '02106400ea070101080000';
  const second = '00146400c832';

  it('goes on as each comes, the second with the first as companion', async () => {
    const { assembler, heard, store } = open();
    const done = [assembler.hear(value(0x2a9c, first)), assembler.hear(value(0x2a9c, second))];
    expect(heard).toEqual([`2a9c ${first}`, `2a9c ${second} ${first}`]);
    store();
    await Promise.all(done);
  });

  it('is not made of what does not belong together', () => {
    const { assembler, heard } = open();
    assembler.hear(value(0x2a9c, first));
    assembler.hear(value(0x2a9c, '00146500c832')); // another body fat
    assembler.hear(value(0x2a9c, '00046500c832')); // not one of two
    assembler.hear(value(0x2a9c, first));
    assembler.hear(value(0x2a9c, second, { connection: 2 }));
    expect(heard.every((line) => line.split(' ').length === 2)).toBe(true);
  });
});

describe('segments', () => {
  const ghs = '01170003000400020000000000000003e02005002002480000';

  const kinds = [
    ['record', 0x2b36, (data: Uint8Array) => splitIntoSegments(data, 5, 62).map((s) => record(s))],
    ['live observation', 0x2b8b, (data: Uint8Array) => splitIntoSegments(data, 5, 62).map(encodeGhsSegment)],
    ['stored observation', 0x2bdd, (data: Uint8Array) => splitIntoSegments(data, 5, 62).map(encodeGhsSegment)],
  ] as const;

  function record(segment: ReturnType<typeof splitIntoSegments>[number], sequence = 3): Uint8Array {
    return encodeBloodPressureRecord({ ...segment, sequence, uuid: '2B34' });
  }

  it.each(kinds)(
    'of a %s become one value, and the last is done when it is durable',
    async (_, characteristic, split) => {
      const data = decodeHex(ghs);
      const { assembler, heard, store } = open();
      const segments = split(data);
      expect(segments.length).toBeGreaterThan(2);
      const done = segments.map((segment) => assembler.hear(value(characteristic, encodeHex(segment))));
      await Promise.all(done.slice(0, -1));
      expect(heard).toEqual([expect.stringContaining(ghs)]);
      const raw = decodeHex(heard[0]!.split(' ')[1]!);
      expect(raw[0]).toBe(3);
      expect(await isSettled(done.at(-1)!)).toBe(false);
      store();
      await done.at(-1);
      expect(assembler.counts.lostRecords).toBe(0);
    },
  );

  it.each(kinds)('of a %s with a gap are dropped and counted', async (_, characteristic, split) => {
    const { assembler, heard } = open();
    const [first, , ...rest] = split(decodeHex(ghs));
    for (const segment of [first!, ...rest]) await assembler.hear(value(characteristic, encodeHex(segment)));
    expect(heard).toEqual([]);
    expect(assembler.counts.lostRecords).toBeGreaterThan(0);
  });

  it.each(kinds)('of a %s that is not whole when the link ends are dropped and counted', async (_, uuid, split) => {
    const { assembler, heard } = open();
    await assembler.hear(value(uuid, encodeHex(split(decodeHex(ghs))[0]!)));
    assembler.linkEnded(METER);
    expect([heard, assembler.counts.lostRecords]).toEqual([[], 1]);
  });

  it('that are whole by themselves go on as they came', () => {
    const { assembler, heard } = open();
    assembler.hear(value(0x2b8b, `0f${ghs}`));
    assembler.hear(value(0x2b36, `0f0300342b${ghs}`));
    assembler.hear(value(0x2b36, ''));
    expect(heard).toEqual([`2b8b 0f${ghs}`, `2b36 0f0300342b${ghs}`, '2b36']);
  });

  it('come out as they went in, however they are cut and mixed with other values', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.integer({ min: 1, max: 30 }), (data, octets) => {
        const { assembler, heard } = open();
        for (const segment of splitIntoSegments(data, octets)) {
          assembler.hear(value(0x2b8b, encodeHex(encodeGhsSegment(segment))));
          assembler.hear(value(0x2a37, '0648'));
        }
        expect(heard.filter((line) => line.startsWith('2b8b'))).toEqual([`2b8b 03${encodeHex(data)}`]);
      }),
    );
  });
});

describe('anything else', () => {
  it('goes on as it is, advertised data under the same number too', () => {
    const { assembler, heard } = open();
    assembler.hear(value(0x2a37, '0648'));
    assembler.hear(value(0x2a18, glucose(7), { carrier: 'service-data' }));
    expect(heard).toEqual(['2a37 0648', `2a18 ${glucose(7)}`]);
  });
});

describe('in a gateway', () => {
  it('makes signed readings that anybody reads again, and files nothing of control solution', async () => {
    const service = await new TestService().start();
    const folder = makeFolder();
    const gateway = await openTestGateway(folder, service);
    try {
      const say = (characteristic: number, hex: string, more: Partial<Notification> = {}) =>
        gateway.hear(value(characteristic, hex, { device: CUFF, ...more }));
      await Promise.all([say(0x2a18, glucose(7)), say(0x2a34, context(7))]);
      await say(0x2a18, glucose(8, false).replace(/12$/, '1a')); // control solution
      const waiting = say(0x2a18, glucose(9));
      gateway.linkChanged(CUFF, 'lost', NOON);
      await waiting;
      await say(0xfcd2, '400100022a0e', { carrier: 'service-data' });
      await gateway.settled();
      expect(gateway.status()).toMatchObject({ notResults: { 'control-solution': 1 }, undecodable: 0 });
      await until('all readings are there', () => service.readings.length >= 4);
      const { readings } = service;
      expect(readings.map(explainReading)).toEqual(readings.map(() => undefined));
      expect(readings.filter(({ vital }) => vital === MDC.capillaryPlasmaGlucose).map(({ flags }) => flags)).toEqual([
        ['before-meal'],
        [],
      ]);
      expect(readings.filter(({ carrier }) => carrier === 'service-data').map(({ vital }) => vital)).toEqual(
        expect.arrayContaining([MDC.battery, MDC.temperature]),
      );
      expect(readingsOf(0x2a18, decodeHex(glucose(7))).length).toBe(1);
    } finally {
      await gateway.stop();
      await service.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
