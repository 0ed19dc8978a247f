import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeBtsnoopHeader,
  encodeBtsnoopRecord,
  type PacketSink,
  teeTransport,
} from '../../../edge-agent/radio/btsnoop.ts';
import { openBtsnoopFile } from '../../../edge-agent/radio/btsnoop-file.ts';
import { readBtsnoop, writeBtsnoop } from '../../../simulators/btsnoop/btsnoop-file.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../../simulators/hci/virtual-controller.ts';
import { openVirtualTransport } from '../../../simulators/hci/virtual-transport.ts';
import { describeHciTransport } from '../../contracts/hci-transport.ts';
import { faultOf } from '../../support/fault-of.ts';
import { until } from '../../support/radio-world.ts';

const RESET = Buffer.from([0x01, 0x03, 0x0c, 0x00]);
const NO_SINK: PacketSink = { record: () => undefined, close: () => undefined };

describeHciTransport('virtual, recorded', async () => {
  const clock = createSimClock(0);
  const controller = new VirtualController({ clock });
  const inner = openVirtualTransport(controller);
  const transport = teeTransport(inner, NO_SINK);
  return {
    transport,
    controller,
    clock,
    async outage() {
      inner.setPower(false);
      setTimeout(() => inner.setPower(true), 10);
    },
    close: () => transport.close(),
  };
});

describe('teeTransport', () => {
  it('records each packet both ways, before it goes on, at its own time', async () => {
    const clock = createSimClock(1_000);
    const controller = new VirtualController({ clock });
    const notes: string[] = [];
    const transport = teeTransport(openVirtualTransport(controller), {
      record: (packet, direction, at) => void notes.push(`${direction} ${packet[0]} ${at}`),
      close: () => void notes.push('closed'),
    });
    transport.on('data', () => notes.push('handed on'));
    transport.start();
    transport.write(RESET);
    await until(() => notes.length === 3);
    clock.set(2_000);
    controller.sendToHost(Buffer.from([0x04, 0x3e, 0x01, 0x00]));
    clock.set(3_000);
    await until(() => notes.length === 5);
    await transport.close();
    transport.write(RESET);
    expect(notes).toEqual(['sent 1 1000', 'received 4 1000', 'handed on', 'received 4 2000', 'handed on', 'closed']);
  });

  it('goes on recording after all listeners were removed, as noble does when an adapter comes back', async () => {
    const controller = new VirtualController({ clock: createSimClock(0) });
    let records = 0;
    const transport = teeTransport(openVirtualTransport(controller), { ...NO_SINK, record: () => void records++ });
    transport.start();
    transport.removeAllListeners();
    transport.write(RESET);
    await until(() => records === 2);
    await transport.close();
  });

  it('passes errors on, and lets one that nobody listens to be', async () => {
    const inner = openVirtualTransport(new VirtualController({ clock: createSimClock(0) }));
    const transport = teeTransport(inner, NO_SINK);
    inner.emit('error', new Error('unheard'));
    const errors: Error[] = [];
    transport.on('error', (error: Error) => errors.push(error));
    inner.emit('error', new Error('heard'));
    expect(errors.map(({ message }) => message)).toEqual(['heard']);
    await transport.close();
  });
});

describe('btsnoop', () => {
  it('has the header and records that the format describes', () => {
    expect(encodeBtsnoopHeader().toString('hex')).toBe('6274736e6f6f700000000001000003ea');
    // 2000-01-01T00:00:00Z is 0x00E03AB44A676000 in the sources of BlueZ.
    expect(encodeBtsnoopRecord(RESET, 'sent', 946_684_800_000).toString('hex')).toBe(
      '00000004' + '00000004' + '00000002' + '00000000' + '00e03ab44a676000' + '01030c00',
    );
    expect(encodeBtsnoopRecord(Buffer.from([4, 0x10, 0]), 'received', 0).readUInt32BE(8)).toBe(3);
    expect(encodeBtsnoopRecord(Buffer.from([2, 0, 0]), 'received', 0).readUInt32BE(8)).toBe(1);
    expect(encodeBtsnoopRecord(Buffer.from([2, 0, 0]), 'sent', 0).readUInt32BE(8)).toBe(0);
  });
});

describe('openBtsnoopFile', () => {
  let folder = '';
  let path = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'btsnoop-'));
    path = join(folder, 'radio.btsnoop');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const record = (at: number, direction: 'sent' | 'received' = 'sent') =>
    ({ atUs: at * 1000, direction, packet: new Uint8Array(RESET), cut: false }) as const;

  it('writes what the other writer writes, for its owner only', () => {
    const sink = openBtsnoopFile({ path });
    sink.record(RESET, 'sent', 5);
    sink.record(RESET, 'received', 6);
    sink.close();
    sink.close();
    sink.record(RESET, 'sent', 7);
    expect(new Uint8Array(readFileSync(path))).toEqual(writeBtsnoop([record(5), record(6, 'received')]));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('appends, closes the file to others, and cuts off half a record', () => {
    const first = openBtsnoopFile({ path });
    first.record(RESET, 'sent', 5);
    first.close();
    appendFileSync(path, encodeBtsnoopRecord(RESET, 'sent', 6).subarray(0, 25));
    const second = openBtsnoopFile({ path });
    second.record(RESET, 'sent', 7);
    second.close();
    expect(readBtsnoop(readFileSync(path))).toEqual([record(5), record(7)]);
  });

  it('begins anew in a file that holds part of a header', () => {
    writeFileSync(path, 'btsno', { mode: 0o644 });
    openBtsnoopFile({ path }).close();
    expect(readBtsnoop(readFileSync(path))).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('leaves a file that is something else as it is, and follows no link', () => {
    writeFileSync(path, 'a diary');
    expect(faultOf(() => openBtsnoopFile({ path }))).toBe('malformed');
    expect(readFileSync(path, 'utf8')).toBe('a diary');
    symlinkSync(path, join(folder, 'link'));
    expect(() => openBtsnoopFile({ path: join(folder, 'link') })).toThrow();
  });

  it('stops before it is too large, says so once, and leaves a whole file', () => {
    const why: string[] = [];
    const sink = openBtsnoopFile({ path, maxBytes: 16 + 28 + 27, onStopped: (reason) => why.push(reason) });
    for (let at = 1; at <= 3; at++) sink.record(RESET, 'sent', at);
    sink.close();
    expect(why).toEqual(['full']);
    expect(readBtsnoop(readFileSync(path))).toEqual([record(1)]);
  });
});
