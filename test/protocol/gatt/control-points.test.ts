/** Record access, CGM operations, user consent: requests that are written, responses that are indicated. */
import { describe, expect, it } from 'vitest';
import { encodeHex } from '../../../protocol/bytes.ts';
import { decodeCgmControlPoint, encodeCgmControlPoint } from '../../../protocol/gatt/cgm-control-point.ts';
import {
  decodeRacp,
  encodeRacpRequest,
  encodeRacpResponse,
  RACP_OP,
  RACP_OPERATOR,
  RACP_RESPONSE,
  racpOperand,
} from '../../../protocol/gatt/racp.ts';
import { encodeUserControlPoint } from '../../../protocol/gatt/user-data.ts';
import { decodeLine } from '../../../verifier/decode.ts';

const decode = (characteristic: string, hex: string, direction?: string) =>
  JSON.parse(decodeLine(JSON.stringify({ characteristic, hex, direction })));

describe('record access', () => {
  it('writes the requests of the services', () => {
    const { report, reportCount, abort } = RACP_OP;
    const none = new Uint8Array();
    const requests = [
      { opCode: report, operator: RACP_OPERATOR.all, operand: none },
      { opCode: report, operator: RACP_OPERATOR.greaterOrEqual, operand: racpOperand(0x0102) },
      { opCode: reportCount, operator: RACP_OPERATOR.within, operand: racpOperand(12, 34) },
      { opCode: abort, operator: RACP_OPERATOR.null, operand: none },
    ];
    const written = requests.map(encodeRacpRequest);
    expect(written.map(encodeHex)).toEqual(['0101', '0103010201', '0404010c002200', '0300']);
    expect(written.map(decodeRacp)).toEqual(requests);
    expect(() => racpOperand(65_536)).toThrow(expect.objectContaining({ code: 'range' }));
  });

  it('writes responses; a count takes four octets only where it must', () => {
    const { response, countResponse } = RACP_OP;
    const responses = [
      { opCode: response, requestOpCode: 1, responseCode: RACP_RESPONSE.noRecords },
      { opCode: countResponse, count: 500 },
      { opCode: countResponse, count: 70_000 },
    ];
    const written = responses.map(encodeRacpResponse);
    expect(written.map(encodeHex)).toEqual(['06000106', '0500f401', '050070110100']);
    expect(written.map(decodeRacp)).toEqual(responses);
  });

  it.each([
    ['04', undefined, 'truncated'],
    ['0103', undefined, 'truncated'],
    ['01030102', undefined, 'truncated'],
    ['010301020100', undefined, 'trailing'],
    ['010401020100', undefined, 'truncated'],
    ['010100', undefined, 'trailing'],
    ['010302', undefined, 'truncated'],
    ['0500', undefined, 'truncated'],
    ['05000102030405', undefined, 'size'],
    ['0600010100', undefined, 'trailing'],
    ['060001', undefined, 'truncated'],
    ['06000101', 'request', 'range'],
    ['0300', 'response', 'not-a-response'],
    ['', 'response', 'truncated'],
    ['0300', 'sideways', 'malformed'],
  ])('%s %s is %s', (hex, direction, error) => {
    expect(decode('2A52', hex, direction)).toEqual({ error });
  });

  it('leaves filters of other types, and operators of later standards, to the device', () => {
    expect(decode('2A52', '010302ea0709180e1e05')).toEqual({ opCode: 1, operator: 3, operand: '02ea0709180e1e05' });
    expect(decode('2A52', '010901')).toEqual({ opCode: 1, operator: 9, operand: '01' });
  });
});

describe('CGM operations', () => {
  it.each([
    ['01ff', { opCode: 1, intervalMin: 255 }],
    ['02', { opCode: 2 }],
    ['05ffff', { opCode: 5, recordNumber: 65_535 }],
    ['0a4600', { opCode: 10, level: 70 }],
    ['1302f0', { opCode: 19, rate: 0.2 }],
    ['1a', { opCode: 26 }],
    ['1c0401', { opCode: 28, requestOpCode: 4, responseCode: 1 }],
  ])('%s', (hex, expected) => {
    expect(decode('2AAC', hex)).toEqual({ ...expected, crc: null, crcValid: null });
  });

  it('checks and computes the CRC', () => {
    const bytes = encodeCgmControlPoint({ opCode: 26, crc: 'compute' });
    expect(decodeCgmControlPoint(bytes)).toMatchObject({ opCode: 26, crcValid: true });
    expect(decode('2AAC', '1a0000')).toMatchObject({ crcValid: false });
    expect(decode('2AAC', '1a00')).toEqual({ error: 'trailing' });
    expect(decode('2AAC', '00')).toEqual({ error: 'range' });
    expect(decode('2AAC', '1d')).toEqual({ error: 'range' });
  });
});

describe('user control point', () => {
  it.each([
    ['013412', { opCode: 1, consentCode: 0x1234 }],
    ['02013412', { opCode: 2, userIndex: 1, consentCode: 0x1234 }],
    ['03', { opCode: 3 }],
    ['05ff', { opCode: 5, userIndex: 255 }],
    ['20010102', { opCode: 32, requestOpCode: 1, responseCode: 1, parameter: '02', userIndex: 2 }],
    ['200104', { opCode: 32, requestOpCode: 1, responseCode: 4, parameter: '', userIndex: null }],
    ['20040102 0103'.replace(' ', ''), { requestOpCode: 4, parameter: '020103', userIndex: null }],
    ['200101', { error: 'truncated' }],
    ['20010102ff', { error: 'trailing' }],
    ['0300', { error: 'trailing' }],
    ['06', { error: 'range' }],
  ])('%s', (hex, expected) => {
    expect(decode('2A9F', hex)).toMatchObject(expected);
  });

  it('is written as it is read', () => {
    expect(encodeHex(encodeUserControlPoint({ opCode: 2, userIndex: 3, consentCode: 1 }))).toBe('02030100');
    expect(encodeHex(encodeUserControlPoint({ opCode: 4 }))).toBe('04');
    expect(decode('2A39', '01')).toEqual({ command: 'resetEnergyExpended' });
    expect(decode('2A39', '02')).toEqual({ error: 'range' });
    expect(decode('2A99', '01000000')).toEqual({ increment: 1 });
  });
});
