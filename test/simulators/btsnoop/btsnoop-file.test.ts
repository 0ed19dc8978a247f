import { describe, expect, it } from 'vitest';
import { readBtsnoop, writeBtsnoop } from '../../../simulators/btsnoop/btsnoop-file.ts';
import { faultOf } from '../../support/fault-of.ts';

const HEADER = '6274736e6f6f7000' + '00000001';
const hex = (...parts: string[]) => new Uint8Array(Buffer.from(parts.join(''), 'hex'));
/** 2000-01-01T00:00:00Z, as BlueZ writes it. */
const TIME = '00e03ab44a676000';
const record = (data: string, flags = '00000003', original = data.length / 2, time = TIME) =>
  `${[original, data.length / 2].map((n) => n.toString(16).padStart(8, '0')).join('') + flags}00000000${time}${data}`;
const AT_US = 946_684_800_000_000;
const EVENT = { atUs: AT_US, direction: 'received', packet: hex('041000'), cut: false } as const;

describe('readBtsnoop', () => {
  it('reads H4, un-encapsulated HCI, and what btmon writes', () => {
    expect(readBtsnoop(hex(HEADER, '000003ea', record('041000')))).toEqual([EVENT]);
    expect(readBtsnoop(hex(HEADER, '000003e9', record('1000')))).toEqual([EVENT]);
    const sent = { ...EVENT, direction: 'sent', packet: hex('01030c00') };
    expect(readBtsnoop(hex(HEADER, '000003e9', record('030c00', '00000002')))).toEqual([sent]);
    const data = { ...EVENT, packet: hex('0240000000') };
    expect(readBtsnoop(hex(HEADER, '000003e9', record('40000000', '00000001')))).toEqual([data]);
    // An index that appears, a command, an event.
    const monitor = [record('00', '00000000'), record('030c00', '00000002'), record('1000', '00000003')];
    expect(readBtsnoop(hex(HEADER, '000007d1', ...monitor))).toEqual([sent, EVENT]);
  });

  it('says which packets were cut by the recorder', () => {
    expect(readBtsnoop(hex(HEADER, '000003ea', record('041000', '00000003', 9)))).toEqual([{ ...EVENT, cut: true }]);
  });

  it('reads what it writes, and writes what it read', () => {
    const file = hex(
      HEADER,
      '000003ea',
      record('041000'),
      record('01030c00', '00000002'),
      record('0240000000', '00000000'),
    );
    expect(writeBtsnoop(readBtsnoop(file))).toEqual(file);
    expect(readBtsnoop(writeBtsnoop([{ ...EVENT, cut: true }]))).toEqual([]);
  });

  it.each([
    ['nothing', 'truncated', ''],
    ['half a header', 'truncated', HEADER],
    ['something else', 'malformed', '0a0d0d0a000000000000000000000000'],
    ['another version', 'version', '6274736e6f6f7000' + '00000002' + '000003ea'],
    ['another datalink', 'version', `${HEADER}000003eb`],
    ['half of a record header', 'truncated', `${HEADER}000003ea${record('041000').slice(0, 40)}`],
    ['half a record', 'truncated', `${HEADER}000003ea${record('041000').slice(0, -2)}`],
    ['an empty record', 'malformed', `${HEADER}000003ea${record('')}`],
    ['more included than there was', 'malformed', `${HEADER}000003ea${record('041000', '00000003', 2)}`],
    ['a packet longer than any', 'too-large', `${HEADER}000003ea${'ffffffff'.repeat(2)}${'00000000'.repeat(2)}${TIME}`],
    ['a time before 1970', 'range', `${HEADER}000003ea${record('041000', '00000003', 3, '0000000000000001')}`],
    ['a time past counting', 'range', `${HEADER}000003ea${record('041000', '00000003', 3, '7fffffffffffffff')}`],
    ['two adapters', 'malformed', `${HEADER}000007d1${record('1000', '00000003')}${record('1000', '00010003')}`],
  ])('refuses %s', (_what, code, file) => {
    expect(faultOf(() => readBtsnoop(hex(file)))).toBe(code);
  });
});
