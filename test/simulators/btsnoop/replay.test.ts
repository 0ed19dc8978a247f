import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RadioNotification } from '../../../edge-agent/radio/radio-events.ts';
import { readBtsnoop, writeBtsnoop } from '../../../simulators/btsnoop/btsnoop-file.ts';
import { extractPeripheral, listPeripherals } from '../../../simulators/btsnoop/extract-peripheral.ts';
import { redact } from '../../../simulators/btsnoop/redact.ts';
import { createReplayPeripheral, playCaptures } from '../../../simulators/btsnoop/replay-peripheral.ts';
import { faultOf } from '../../support/fault-of.ts';
import { until } from '../../support/radio-world.ts';
import { CUFF, heardFrom, openRecordedRadio, recordRadio, STRAP } from '../../support/recorded-radio.ts';

let file: Uint8Array;
let original: RadioNotification[];
beforeAll(async () => {
  ({ file, notifications: original } = await recordRadio());
});

const withoutTshark = spawnSync('tshark', ['--version']).error !== undefined;
if (withoutTshark) console.info('skipped: tshark is not installed, so nothing else reads the recording');

describe.skipIf(withoutTshark)('tshark', () => {
  /** Fields of all packets of a file, by a program that is not ours. */
  function tshark(bytes: Uint8Array, filter: string, ...fields: string[]): string[][] {
    const folder = mkdtempSync(join(tmpdir(), 'tshark-'));
    try {
      const path = join(folder, 'radio.btsnoop');
      writeFileSync(path, bytes);
      const args = ['-r', path, '-Y', filter, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
      const text = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      return text.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('reads all packets of the recording', () => {
    expect(tshark(file, 'frame', 'frame.number')).toHaveLength(readBtsnoop(file).length);
    // It takes the attribute tables of all devices for one, and so a value of one for a value of the other.
    expect(tshark(file, '_ws.malformed && !btatt', 'frame.number')).toEqual([]);
  });

  it.each([
    [STRAP.address, 'btatt.opcode == 0x1b', 'btatt.heart_rate_measurement.value.8', 0x2a37, 1],
    [CUFF.address, 'btatt.opcode == 0x1d', 'btatt.blood_pressure_measurement.compound_value.systolic.mmhg', 0x2a35, 1],
  ])('reads the values of %s and their times when it is alone', (keep, filter, field, characteristic, at) => {
    const redacted = writeBtsnoop(redact(readBtsnoop(file), { keep }).records);
    expect(tshark(redacted, '_ws.malformed', 'frame.number')).toEqual([]);
    const found = tshark(redacted, filter, 'frame.time_epoch', field);
    const heard = original.filter((one) => one.device === keep && one.characteristic === characteristic);
    expect(found.map(([time, value]) => [Math.round(Number(time) * 1000), Number(value)])).toEqual(
      heard.map(({ heardAt, value }) => [heardAt, value[at]]),
    );
  });
});

describe('extractPeripheral', () => {
  it('rebuilds what the device advertised, has and said', () => {
    const strap = extractPeripheral(readBtsnoop(file), { address: STRAP.address.toUpperCase() });
    expect(strap).toMatchObject({ address: STRAP.address, addressType: 'random', rssi: -60 });
    expect(Buffer.from(strap.advertisement!).toString('hex')).toBe('020106' + '03030d18');
    expect(Buffer.from(strap.scanResponse!).toString()).toContain(STRAP.name);
    const table = strap.services.map(({ uuid, characteristics }) => [uuid, characteristics.map((one) => one.uuid)]);
    expect(table).toEqual([
      [0x1800, []], // the radio does not ask for more
      [0x180d, [0x2a37, 0x2a38]],
      [0x180f, [0x2a19]],
      [0x180a, [0x2a29, 0x2a24, 0x2a25, 0x2a26]],
    ]);
    const information = strap.services[3]!.characteristics;
    expect(Buffer.from(information[2]!.value!).toString()).toBe(STRAP.serial);
    expect(strap.events.filter(({ kind }) => kind === 'disconnected')).toHaveLength(2);
  });

  it('lists who is there, and asks which when several spoke', () => {
    const records = readBtsnoop(file);
    expect(listPeripherals(records)).toMatchObject([
      { address: STRAP.address, name: STRAP.name, links: 2 },
      { address: CUFF.address, name: CUFF.name, links: 1 },
    ]);
    expect(faultOf(() => extractPeripheral(records))).toBe('not-found');
    expect(faultOf(() => extractPeripheral(records, { address: '00:00:00:00:00:00' }))).toBe('not-found');
  });

  it('takes from the caller what the central knew without asking', () => {
    const records = readBtsnoop(file);
    const handle = extractPeripheral(records, { address: CUFF.address }).services[1]!.characteristics[0]!.handle;
    // Nothing that answers a discovery: as a phone records a device that it is bonded with.
    const cached = records.filter(({ packet }) => !(packet[0] === 2 && [0x09, 0x11, 0x05].includes(packet[9]!)));
    const bare = extractPeripheral(cached, { address: CUFF.address });
    expect(bare.events.every((event) => event.kind !== 'value' || event.characteristic === undefined)).toBe(true);
    const known = new Map([[handle, { service: 0x1810, characteristic: 0x2a35 }]]);
    const named = extractPeripheral(cached, { address: CUFF.address, cached: known });
    const characteristic = { handle, uuid: 0x2a35, properties: ['indicate'], value: undefined };
    expect(named.services).toEqual([{ uuid: 0x1810, characteristics: [characteristic] }]);
  });
});

describe('playCaptures', () => {
  it('gives the same readings at the same times, to the octet', async () => {
    const records = readBtsnoop(file);
    const devices = [STRAP, CUFF].map(({ address }) => createReplayPeripheral(extractPeripheral(records, { address })));
    const world = openRecordedRadio(devices);
    await Promise.all(devices.flatMap((device) => device.speaks.map((uuid) => device.whenSubscribed(uuid))));
    expect(await playCaptures(devices, world.clock)).toEqual({ played: 24, unheard: 0 });
    const heard = () => [STRAP, CUFF].map(({ address }) => heardFrom(world.notifications, address));
    await until(() => heard().flat().length === 24);
    expect(heard()).toEqual([STRAP, CUFF].map(({ address }) => heardFrom(original, address)));
    await world.close();
  });

  it('does so from a redacted recording, under another address and a test name', async () => {
    const redacted = redact(readBtsnoop(file), { keep: CUFF.address });
    const device = createReplayPeripheral(extractPeripheral(readBtsnoop(writeBtsnoop(redacted.records))));
    expect(device.address).toBe(redacted.address);
    expect(device.scanResponse.toString()).toContain('HTEST replay');
    const world = openRecordedRadio([device]);
    await device.whenSubscribed(0x2a35);
    expect(await playCaptures([device], world.clock)).toEqual({ played: 4, unheard: 0 });
    expect(heardFrom(world.notifications, redacted.address)).toEqual(heardFrom(original, CUFF.address));
    await world.close();
  });

  it('counts what nobody hears', async () => {
    const device = createReplayPeripheral(extractPeripheral(readBtsnoop(file), { address: STRAP.address }));
    const world = openRecordedRadio([]);
    expect(await playCaptures([device], world.clock)).toEqual({ played: 0, unheard: 20 });
    await world.close();
    expect(() => createReplayPeripheral(device.capture, { name: 'a real name' })).toThrow('HTEST');
  });
});
