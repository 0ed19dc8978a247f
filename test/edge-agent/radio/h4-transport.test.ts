import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answerParameterRequest } from '../../../edge-agent/radio/connection-parameters.ts';
import { H4Splitter } from '../../../edge-agent/radio/h4-framing.ts';
import { openH4UnixTransport } from '../../../edge-agent/radio/h4-unix.ts';
import { until } from '../../support/radio-world.ts';

describe('H4 framing', () => {
  const stream = Buffer.from(
    '040e0401030c00' + '0240000300aabbcc' + '03400002ddee' + '05400002c0ffff' + '04ff00',
    'hex',
  );

  it('cuts a stream into packets wherever the chunks end', () => {
    const whole: string[] = [];
    expect(new H4Splitter((packet) => whole.push(packet.toString('hex'))).push(stream)).toBe(true);
    expect(whole).toEqual(['040e0401030c00', '0240000300aabbcc', '03400002ddee', '05400002c0ffff', '04ff00']);
    for (let size = 1; size < stream.length; size++) {
      const parts: string[] = [];
      const splitter = new H4Splitter((packet) => parts.push(packet.toString('hex')));
      for (let at = 0; at < stream.length; at += size) expect(splitter.push(stream.subarray(at, at + size))).toBe(true);
      expect(parts).toEqual(whole);
    }
  });

  it('says when it is out of step', () => {
    expect(new H4Splitter(() => undefined).push(Buffer.from('09', 'hex'))).toBe(false);
  });
});

describe('connection parameter requests', () => {
  const request = (min: number, max: number, latency: number, timeout: number) => {
    const packet = Buffer.from('0240201000' + '0c000500' + '12070800' + '0000000000000000', 'hex');
    for (const [i, value] of [min, max, latency, timeout].entries()) packet.writeUInt16LE(value, 13 + 2 * i);
    return packet;
  };
  const answers = (packet: Buffer) => {
    const written: string[] = [];
    const taken = answerParameterRequest(packet, (answer) => written.push(answer.toString('hex')));
    return taken ? written : undefined;
  };

  it('are granted within the ranges of the specification', () => {
    expect(answers(request(0x18, 0x28, 0, 0x2a))).toEqual([
      // response: identifier 7, accepted; then LE Connection Update with the same parameters
      '0240000a00' + '06000500' + '130702000000',
      '0113200e' + '4000' + '1800280000002a00' + '00000000',
    ]);
  });

  it('are refused outside of them', () => {
    const refused = ['0240000a00' + '06000500' + '130702000100'];
    expect(answers(request(5, 40, 0, 42))).toEqual(refused);
    expect(answers(request(40, 24, 0, 42))).toEqual(refused);
    expect(answers(request(24, 40, 500, 3200))).toEqual(refused);
    // The link would time out between two events.
    expect(answers(request(24, 800, 1, 42))).toEqual(refused);
  });

  it('are told from other packets', () => {
    const other = request(24, 40, 0, 42);
    other.writeUInt16LE(4, 7);
    expect(answers(other)).toBeUndefined();
    expect(answers(Buffer.from('0240200300aabbcc', 'hex'))).toBeUndefined();
  });
});

describe('H4 transport', () => {
  let folder: string;
  let server: Server;
  let path: string;
  let host: Socket | undefined;
  const received: string[] = [];
  /** Command credits that the controller gives with its answer to the reset. */
  let credits = 1;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'h4-'));
    path = join(folder, 'hci.sock');
    received.length = 0;
    credits = 1;
    server = createServer((socket) => {
      host = socket;
      socket.on('data', (chunk) => {
        for (const packet of chunk.toString('hex').match(/01..../g) ?? []) received.push(packet);
        if (chunk.toString('hex') === '01030c00') socket.write(Buffer.from([4, 0x0e, 4, credits, 0x03, 0x0c, 0]));
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
  });
  afterEach(() => {
    host?.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('resets first, and gives commands only for credits', async () => {
    const transport = await openH4UnixTransport({ path, clock: { now: () => 5 } });
    transport.start();
    for (const ocf of [0x01, 0x02, 0x03]) transport.write(Buffer.from([0x01, ocf, 0x10, 0]));
    await until(() => received.length === 2);
    expect(received).toEqual(['01030c', '010110']);
    // Command Status gives two credits.
    host?.write(Buffer.from([4, 0x0f, 4, 0, 2, 0x01, 0x10]));
    await until(() => received.length === 4);
    expect(received.slice(2)).toEqual(['010210', '010310']);
    expect(transport.clock.now()).toBe(5);
    await transport.close();
  });

  it('lets no vendor event through', async () => {
    const transport = await openH4UnixTransport({ path, clock: { now: () => 5 } });
    const packets: string[] = [];
    transport.on('data', (packet: Buffer) => packets.push(packet.toString('hex')));
    transport.start();
    host?.write(Buffer.from('04ff0956' + '40e2010000000000' + '04ff03010203' + '043e0101', 'hex'));
    await until(() => packets.length > 0);
    expect(packets).toEqual(['043e0101']);
    expect(transport.clock.now()).toBe(123_456);
    await transport.close();
  });

  it('is not handed out when nobody answers', async () => {
    await expect(openH4UnixTransport({ path: join(folder, 'none'), clock: { now: () => 0 } })).rejects.toThrow();
    server.removeAllListeners('connection');
    server.on('connection', (socket) => socket.end());
    await expect(openH4UnixTransport({ path, clock: { now: () => 0 } })).rejects.toThrow('closed');
  });
});
