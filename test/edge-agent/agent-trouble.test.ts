import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import type { Gateway } from '../../edge-agent/gateway.ts';
import { createSigner } from '../../protocol/cose.ts';
import { gatewayOptions, heartRate, makeFolder, NOON, openTestGateway } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';

let service: TestService;
let folder: string;
let gateway: Gateway | undefined;

beforeEach(async () => {
  service = await new TestService().start();
  folder = makeFolder();
});

afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
  await service.stop();
  rmSync(folder, { recursive: true });
});

/** Stops the agent and starts it again on the same folders, without a code. */
async function restart(): Promise<Gateway> {
  await gateway?.stop();
  gateway = await openAgentGateway(gatewayOptions(folder, service.url));
  return gateway;
}

function values(): number[] {
  return service.readings.flatMap(({ value }) => (typeof value === 'object' ? [value.mantissa] : []));
}

describe('a service and a broker that fail', () => {
  it('sends again when acknowledgements get lost', async () => {
    service.misdeeds.loseAcknowledgements = 3;
    service.misdeeds.log = false;
    gateway = await openTestGateway(folder, service);
    for (let i = 0; i < 3; i++) {
      await gateway.hear(heartRate(60 + i, NOON + i));
      await gateway.flush();
    }
    await vi.waitFor(() => expect(gateway!.status().held).toBe(3));
    expect(values()).toEqual([60, 61, 62]);
    expect(service.arrivals.length).toBeGreaterThan(3);
    // Held is not logged: the headers are still here.
    expect(gateway.status()).toMatchObject({ outbox: 0, logged: 0 });
    service.misdeeds.log = true;
    service.sayLogged();
    await gateway.settled();
    expect(gateway.status().logged).toBe(3);
  });

  it('survives a broker that goes away and comes back', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(heartRate(60, NOON));
    await gateway.settled();
    await service.stopBroker();
    for (let i = 1; i <= 12; i++) {
      await gateway.hear(heartRate(60 + i, NOON + i));
      await gateway.flush();
    }
    expect(gateway.status().outbox).toBe(12);
    await service.startBroker();
    await gateway.settled();
    expect(values()).toEqual(Array.from({ length: 13 }, (_, i) => 60 + i));
  });

  it('sends again, too, when what it sent on a second connection is not answered', async () => {
    service.misdeeds.loseAcknowledgements = 1000;
    service.misdeeds.log = false;
    gateway = await openTestGateway(folder, service);
    await gateway.hear(heartRate(60, NOON));
    await gateway.flush();
    await vi.waitFor(() => expect(service.arrivals.length).toBeGreaterThan(0));
    // The connection ends while the agent is waiting for the service's word.
    await service.stopBroker();
    await service.startBroker();
    await vi.waitFor(() => expect(service.arrivals.length).toBeGreaterThan(1));
    service.misdeeds.loseAcknowledgements = 0;
    await vi.waitFor(() => expect(gateway!.status().held).toBe(1));
    expect(values()).toEqual([60]);
  });

  it('comes back in order after "later" and gaps', async () => {
    let refusals = 4;
    service.misdeeds.refuse = (sequence) =>
      sequence % 3 === 0 && refusals-- > 0 ? { code: 'unavailable', retry: 'later' } : undefined;
    gateway = await openTestGateway(folder, service);
    for (let i = 0; i < 12; i++) {
      await gateway.hear(heartRate(60 + i, NOON + i));
      await gateway.flush();
    }
    await gateway.settled();
    expect(values()).toEqual(Array.from({ length: 12 }, (_, i) => 60 + i));
    expect(gateway.status().refused.unavailable).toBeGreaterThanOrEqual(4);
  });

  it('stops sending after a refusal for good, keeps everything, and tries once more after a restart', async () => {
    service.misdeeds.refuse = () => ({ code: 'wrong-root', retry: 'never' });
    gateway = await openTestGateway(folder, service);
    await gateway.hear(heartRate(60, NOON));
    await expect(gateway.settled()).rejects.toMatchObject({ code: 'wrong-root' });
    await gateway.hear(heartRate(61, NOON + 1));
    await gateway.flush();
    expect(gateway.status()).toMatchObject({ halted: 'wrong-root', outbox: 2, refused: { 'wrong-root': 1 } });
    service.misdeeds.refuse = () => undefined;
    await restart();
    await gateway.settled();
    expect(values()).toEqual([60, 61]);
  });

  it('never sends again under a forked key', async () => {
    service.misdeeds.refuse = () => ({ code: 'forked', retry: 'never' });
    gateway = await openTestGateway(folder, service);
    await gateway.hear(heartRate(60, NOON));
    await expect(gateway.settled()).rejects.toMatchObject({ code: 'forked' });
    service.misdeeds.refuse = () => undefined;
    await restart();
    await expect(gateway.settled()).rejects.toMatchObject({ code: 'forked' });
    expect(service.batches.length).toBe(0);
  });

  it('notices that the log knows more batches than it sealed', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(heartRate(60, NOON));
    await gateway.settled();
    service.send({ outcome: 'logged', sequence: 9, batch: new Uint8Array(32) });
    await vi.waitFor(() => expect(gateway!.status().halted).toBe('forked'));
  });

  it('does not take another history in the log for its own', async () => {
    service.misdeeds.loseAcknowledgements = 1;
    service.misdeeds.log = false;
    gateway = await openTestGateway(folder, service, { publishing: { acknowledgementMs: 60_000 } });
    await gateway.hear(heartRate(60, NOON));
    await gateway.flush();
    await vi.waitFor(() => expect(service.batches.length).toBe(1));
    service.send({ outcome: 'logged', sequence: 1 });
    service.send({ outcome: 'refused', batch: service.batches[0]!.id, sequence: 1, code: 'forked', retry: 'never' });
    await vi.waitFor(() => expect(gateway!.status().halted).toBe('forked'));
    expect(gateway.status()).toMatchObject({ outbox: 1, logged: 0 });
  });

  it('stops at once while a broker keeps it waiting', async () => {
    await service.stopBroker();
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const brokerUrl = `mqtt://127.0.0.1:${(mute.address() as AddressInfo).port}`;
    gateway = await openTestGateway(folder, service, { brokerUrl });
    await once(mute, 'connection');
    const started = performance.now();
    await gateway.stop();
    expect(performance.now() - started).toBeLessThan(1000);
    await new Promise((resolve) => mute.close(resolve));
  });

  it('believes nobody but the service', async () => {
    service.misdeeds.loseAcknowledgements = 1;
    service.misdeeds.log = false;
    gateway = await openTestGateway(folder, service, { publishing: { acknowledgementMs: 60_000 } });
    await gateway.hear(heartRate(60, NOON));
    await gateway.flush();
    await vi.waitFor(() => expect(service.batches.length).toBe(1));
    const { id: batch } = service.batches[0]!;
    service.send({ outcome: 'held', batch, sequence: 1 }, createSigner(new Uint8Array(32).fill(1)));
    service.sendRaw('acknowledgements', Uint8Array.of(1, 2, 3));
    service.sendRaw('commands', Uint8Array.of(1, 2, 3));
    service.send({ outcome: 'held', batch: new Uint8Array(32), sequence: 1 });
    await vi.waitFor(() => expect(gateway!.status().ignored).toBe(3));
    expect(gateway.status().outbox).toBe(1);
    service.send({ outcome: 'duplicate', batch, sequence: 1 });
    await vi.waitFor(() => expect(gateway!.status().outbox).toBe(0));
  });
});
