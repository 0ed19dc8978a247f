import { describe, expect, it } from 'vitest';
import { parseCachedTable } from '../../../simulators/btsnoop/cached-table.ts';
import { faultOf } from '../../support/fault-of.ts';

describe('parseCachedTable', () => {
  it('reads handles and UUIDs, short and long', () => {
    const text = '# a cuff\n0x0012 1810 0x2A35\n\n18 1810 2a49\n';
    expect(faultOf(() => parseCachedTable(text))).toBe('malformed'); // 18 is 0x12
    const long = '6E400001-B5A3-F393-E0A9-E50E24DCCA9E 6e400003-b5a3-f393-e0a9-e50e24dcca9e # its own';
    expect([...parseCachedTable(`0x0012 1810 0x2A35\r\n19 ${long}`)]).toEqual([
      [0x12, { service: 0x1810, characteristic: 0x2a35 }],
      [
        19,
        {
          service: '6e400001-b5a3-f393-e0a9-e50e24dcca9e',
          characteristic: '6e400003-b5a3-f393-e0a9-e50e24dcca9e',
        },
      ],
    ]);
  });

  it.each(['1 1810', '0 1810 2a35', '70000 1810 2a35', '1 1810 2a35 2a36', '1 xxxx 2a35', 'x 1810 2a35'])(
    'refuses %s',
    (text) => expect(faultOf(() => parseCachedTable(text))).toBe('malformed'),
  );
});
