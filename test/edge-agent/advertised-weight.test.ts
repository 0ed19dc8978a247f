import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeHex } from '../../protocol/bytes.ts';
import { explainReading } from '../../protocol/recheck.ts';
import { CUFF, makeFolder, NOON, openTestGateway } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';

describe('a weight that is advertised before and after its impedance', () => {
  it('is one reading', async () => {
    const service = await new TestService().start();
    const folder = makeFolder();
    const gateway = await openTestGateway(folder, service);
    try {
      const say = (octets: string) =>
        gateway.hear({
          device: CUFF,
          connection: 'advertisement',
          carrier: 'service-data',
          characteristic: 0x181b,
          value: decodeHex(octets),
          heardAt: NOON,
        });
      await say('0224e607020e10293a00009a38');
      await say('0226e607020e10293af7019a38');
      await say('0226e607020e102a00f7019a38'); // another weighing
      await gateway.settled();
      const { readings } = service;
      expect(readings.map(({ deviceClock }) => deviceClock)).toEqual(['2022-02-14T16:41:58', '2022-02-14T16:42:00']);
      expect(readings.map(explainReading)).toEqual([undefined, undefined]);
      expect(gateway.status()).toMatchObject({ heard: 3, doubles: 1 });
    } finally {
      await gateway.stop();
      await service.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
