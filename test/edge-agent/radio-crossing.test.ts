import { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openChannel, type Port } from '../../edge-agent/radio-channel.ts';
import { crossOver, questionOf } from '../../edge-agent/radio-crossing.ts';
import { Fault } from '../../protocol/fault.ts';

/** Two ends of one channel, with a structured clone between them, as between two processes. */
function connect(handlers: Parameters<typeof openChannel>[0]['handlers']) {
  const [near, far] = [new EventEmitter(), new EventEmitter()];
  let packets = 0;
  const portOf = (own: EventEmitter, other: EventEmitter): Port => ({
    on: (event, take) => own.on(event, take),
    send(packet, done) {
      packets++;
      const copy = structuredClone(packet);
      setImmediate(() => {
        other.emit('message', copy);
        done(null);
      });
      return true;
    },
  });
  const channel = openChannel({ port: portOf(near, far), handlers: {} });
  const other = openChannel({ port: portOf(far, near), handlers });
  return { channel, other, packets: () => packets };
}

const seen = (address: string, rssi = -60) =>
  ({ address, addressType: 'random', serviceUuids: [0x180d], rssi }) as const;

describe('the channel', () => {
  it('sends what is said in one turn as one message, in order', async () => {
    const heard: unknown[] = [];
    const { channel, packets } = connect({ note: (one: unknown) => void heard.push(one) });
    for (let i = 0; i < 100; i++) channel.tell('note', { i, octets: Uint8Array.of(i) });
    await channel.flush();
    expect(heard).toEqual(Array.from({ length: 100 }, (_, i) => ({ i, octets: Uint8Array.of(i) })));
    expect(packets()).toBe(1);
  });

  it('carries answers, faults of ours as they are, and of anything else nothing', async () => {
    const { channel, other } = connect({
      double: (n: number) => n * 2,
      refuse: () => Promise.reject(new Fault('not-permitted', 'not now', 'later')),
      fail: () => {
        throw new Error('F0:00:00:00:00:01 said 120');
      },
    });
    expect(await Promise.all([channel.call('double', 4), channel.call('double', 5)])).toEqual([8, 10]);
    await expect(channel.call('refuse')).rejects.toMatchObject({
      code: 'not-permitted',
      message: 'not now',
      retry: 'later',
    });
    await expect(channel.call('fail')).rejects.toMatchObject({ code: 'unavailable', message: 'the call failed' });
    expect(await channel.call('unknown')).toBeUndefined();
    other.end();
    const open = channel.call('double', 1);
    channel.end();
    await expect(open).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    await expect(channel.call('double', 1)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a question that cannot wait', () => {
  it('is answered from memory, which is asked for again behind it', async () => {
    let answer = true;
    let asked = 0;
    let now = 0;
    const wants = () => {
      asked++;
      return answer;
    };
    const { channel } = connect({ wants });
    const callbacks = crossOver(channel, ['wants'], [], () => now);
    expect(callbacks.wants(seen('a'))).toBe(false);
    for (let i = 0; i < 6; i++) await turn();
    expect(callbacks.wants(seen('a', -90))).toBe(true);
    expect(asked).toBe(1);
    answer = false;
    now = 5_000;
    expect(callbacks.wants(seen('a'))).toBe(true);
    for (let i = 0; i < 6; i++) await turn();
    expect(callbacks.wants(seen('a'))).toBe(false);
    expect(asked).toBe(2);
  });

  it('is answered by what an earlier process was told, or by what is wanted from the start', () => {
    const { channel } = connect({});
    const known = [['wants', questionOf([seen('a')]), true]] as const;
    const callbacks = crossOver(channel, ['wants', 'holdOffMs'], known, () => 0, {
      wants: ({ address }) => address === 'b',
    });
    expect(['a', 'b', 'c'].map((address) => callbacks.wants(seen(address)))).toEqual([true, true, false]);
    expect(callbacks.holdOffMs?.(seen('a'))).toBe(0);
  });

  it('is never whether to give up a bond: what was allowed once is asked for again', async () => {
    const answers = [true, false];
    const { channel } = connect({ mayPairAnew: () => answers.shift() });
    const { mayPairAnew } = crossOver(channel, ['mayPairAnew'], [], () => 0);
    expect([await mayPairAnew?.('a'), await mayPairAnew?.('a')]).toEqual([true, false]);
  });

  it('crosses only where the agent has the callback', () => {
    const { channel } = connect({});
    expect(Object.keys(crossOver(channel, ['wants', 'onLink'], [], () => 0))).toEqual(['wants', 'onLink']);
  });
});
