import { describe, expect, it } from 'vitest';
import { Broadcasts } from '../../edge-agent/broadcasts.ts';
import type { BroadcastData } from '../../edge-agent/radio/radio-events.ts';
import { decodeHex } from '../../protocol/bytes.ts';

const DEVICE = 'f0:00:00:00:09:01';
const service = (id: number, hex: string): BroadcastData => ({ kind: 'service', id, octets: decodeHex(hex) });

function hear(broadcasts: Broadcasts, uptimeMs: number, ...data: BroadcastData[]) {
  return broadcasts.take({ device: DEVICE, data, heardAt: 1_700_000_000_000 + uptimeMs, uptimeMs });
}

describe('what is advertised', () => {
  it('is taken once for each packet id, however long it is repeated', () => {
    const broadcasts = new Broadcasts();
    const first = service(0xfcd2, '40000102ca09'); // packet 1, 25.06 degrees
    expect(hear(broadcasts, 0, first)).toEqual([
      {
        device: DEVICE,
        connection: 'advertisement',
        characteristic: 0xfcd2,
        carrier: 'service-data',
        value: first.octets,
        heardAt: 1_700_000_000_000,
        link: 'advertisement',
      },
    ]);
    expect(hear(broadcasts, 100, first)).toEqual([]);
    expect(hear(broadcasts, 600_000, first)).toEqual([]);
    expect(hear(broadcasts, 600_100, service(0xfcd2, '40000202ca09'))).toHaveLength(1);
  });

  it('without a number is taken again after a minute, since it is still being measured', () => {
    const broadcasts = new Broadcasts();
    const same = service(0xfcd2, '4002ca09');
    expect(hear(broadcasts, 0, same)).toHaveLength(1);
    expect(hear(broadcasts, 59_000, same)).toEqual([]);
    expect(hear(broadcasts, 60_000, same)).toHaveLength(1);
  });

  it('is told apart by device, kind and identifier', () => {
    const broadcasts = new Broadcasts();
    const scale = service(0x181b, '02a6e7070101000000fdff5c3f');
    const polar: BroadcastData = { kind: 'manufacturer', id: 0x006b, octets: decodeHex('6b0072083b3c') };
    expect(hear(broadcasts, 0, scale, polar)).toHaveLength(2);
    expect(hear(broadcasts, 90_000, scale, polar)).toEqual([]);
    const other = { device: 'f0:00:00:00:09:02', data: [scale], heardAt: 0, uptimeMs: 90_000 };
    expect(broadcasts.take(other)).toHaveLength(1);
  });

  it('is remembered of so many services only, so that nobody who speaks in its name fills the memory', () => {
    const broadcasts = new Broadcasts();
    const scale = service(0x181b, '02a6e7070101000000fdff5c3f');
    hear(broadcasts, 0, scale);
    for (let id = 0; id < 64; id++) hear(broadcasts, 1, service(id, '00'));
    expect(hear(broadcasts, 2, scale)).toHaveLength(1);
    expect(hear(broadcasts, 3, scale, service(63, '00'))).toEqual([]);
  });
});
