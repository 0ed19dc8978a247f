/** A device that sends any octets as SMP (Core 5.2 Vol 3 Part H §3): the pairing fails with a reason, and nothing else does. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PairingError } from '../../../edge-agent/radio/pairing-error.ts';
import type { PairingOffer } from '../../../edge-agent/radio/pairing-offer.ts';
import { c1 } from '../../../edge-agent/radio/smp-crypto.ts';
import { SmpInitiator } from '../../../edge-agent/radio/smp-initiator.ts';
import { CID_SMP, encodeAcl } from '../../../simulators/hci/hci-packets.ts';
import { type BondWorld, measure, openBondWorld, pairing } from '../../support/bond-world.ts';
import { until } from '../../support/radio-world.ts';

const RESPONSE = '02030001100001';
const ADDRESS = { octets: Buffer.alloc(6), random: true };

function initiator() {
  const sent: string[] = [];
  const encryptions: Buffer[] = [];
  const smp = new SmpInitiator({
    local: ADDRESS,
    remote: ADDRESS,
    send: (pdu) => void sent.push(pdu.toString('hex')),
    startEncryption: (key) => void encryptions.push(key),
  });
  return { smp, sent, encryptions };
}

/** How a pairing ends that is fed these PDUs, in hex. */
async function outcome(pdus: readonly string[], offer: PairingOffer = { authenticated: false }) {
  const { smp, sent } = initiator();
  const paired = smp.pair(offer).then(
    () => 'paired',
    (error) => (error instanceof PairingError ? `${error.failure} ${error.code ?? ''}`.trim() : 'threw'),
  );
  for (const pdu of pdus) smp.receive(Buffer.from(pdu, 'hex'));
  // So that one that still waits ends, too.
  setImmediate(() => smp.end(0x13));
  return { ended: await paired, answered: sent.slice(1) };
}

describe('by hand', () => {
  it.each([
    ['a short response', ['0203'], 'malformed 10', '050a'],
    ['an IO capability that is none', ['02050001100001'], 'malformed 10', '050a'],
    ['a key of 17 octets', ['02030001110001'], 'malformed 10', '050a'],
    ['a key of 6 octets', ['02030001060001'], 'key-too-short 6', '0506'],
    ['keys that nobody asked for', ['02030001100004'], 'malformed 10', '050a'],
    ['keys that we should send', ['02030001100101'], 'malformed 10', '050a'],
    ['a confirm before the response', [`03${'00'.repeat(16)}`], 'malformed 8', '0508'],
    ['a random before the confirm', [RESPONSE, `04${'00'.repeat(16)}`], 'malformed 8', '0508'],
    ['a second response', [RESPONSE, RESPONSE], 'malformed 8', '0508'],
    ['keys before encryption', [RESPONSE, `06${'00'.repeat(16)}`], 'malformed 8', '0508'],
  ])('%s', async (_name, pdus, ended, answer) => {
    const seen = await outcome(pdus);
    expect(seen.ended).toBe(ended);
    expect(seen.answered.at(-1)).toBe(answer);
  });

  it.each([
    [0x01, 'wrong-passkey'],
    [0x02, 'needs-out-of-band'],
    [0x03, 'needs-authentication'],
    [0x04, 'confirm-failed'],
    [0x05, 'not-supported'],
    [0x06, 'key-too-short'],
    [0x07, 'refused'],
    [0x08, 'refused'],
    [0x09, 'repeated-attempts'],
    [0x0a, 'refused'],
    [0x0b, 'confirm-failed'],
    [0x0c, 'refused'],
    [0xff, 'refused'],
  ])('reason 0x%s of the device: %s', async (reason, failure) => {
    const seen = await outcome([`05${reason.toString(16).padStart(2, '0')}`]);
    expect(seen).toEqual({ ended: `${failure} ${reason}`, answered: [] });
  });

  it('a device that has asked for LE Secure Connections and refuses is one that needs them', async () => {
    const seen = await outcome(['0b09', '0503']);
    expect(seen.ended).toBe('needs-secure-connections 3');
  });

  it('our own confirm and random sent back are no proof of the passkey', async () => {
    const { smp, sent, encryptions } = initiator();
    const paired = smp.pair({ authenticated: true, enterPasskey: async () => 123_456 });
    smp.receive(Buffer.from('02000005100001', 'hex'));
    await until(() => sent.length === 2);
    smp.receive(Buffer.from(sent[1]!, 'hex'));
    smp.receive(Buffer.from(sent[2]!, 'hex'));
    await expect(paired).rejects.toMatchObject({ failure: 'wrong-passkey' });
    expect(encryptions).toEqual([]);
  });

  it('silence ends after the timeout, and no other pairing begins on that link (§3.4)', async () => {
    const { smp } = initiator();
    smp.timeoutMs = 5;
    await expect(smp.pair({ authenticated: false })).rejects.toMatchObject({ failure: 'timeout' });
    await expect(smp.pair({ authenticated: false })).rejects.toMatchObject({ failure: 'disconnected' });
  });

  it('a passkey that comes when the pairing has ended goes nowhere', async () => {
    const { smp, sent } = initiator();
    let give: (passkey: number) => void = () => undefined;
    const entered = new Promise<number>((resolve) => {
      give = resolve;
    });
    const paired = smp.pair({ authenticated: true, enterPasskey: () => entered });
    smp.receive(Buffer.from('02000005100001', 'hex'));
    smp.receive(Buffer.from('0508', 'hex'));
    await expect(paired).rejects.toMatchObject({ failure: 'refused' });
    give(1);
    await entered;
    expect(sent).toHaveLength(1);
  });

  it('keys that are heard before the controller has told of encryption are kept', async () => {
    const { smp, sent, encryptions } = initiator();
    const paired = smp.pair({ authenticated: false });
    smp.receive(Buffer.from(RESPONSE, 'hex'));
    const random = Buffer.alloc(16, 9);
    const [request, response] = [sent[0]!, RESPONSE].map((hex) => Buffer.from(hex, 'hex'));
    const confirm = c1(Buffer.alloc(16), random, request!, response!, ADDRESS, ADDRESS);
    smp.receive(Buffer.concat([Buffer.of(3), confirm]));
    smp.receive(Buffer.concat([Buffer.of(4), random]));
    expect(encryptions).toHaveLength(1);
    smp.receive(Buffer.concat([Buffer.of(6), Buffer.alloc(16, 1)]));
    smp.receive(Buffer.concat([Buffer.of(7), Buffer.alloc(10, 2)]));
    smp.encryptionChanged(0, true);
    expect((await paired).longTermKey).toEqual({
      key: Buffer.alloc(16, 1),
      diversifier: Buffer.alloc(2, 2),
      random: Buffer.alloc(8, 2),
    });
  });
});

/** PDUs with a likely code and any octets behind it, or of any kind. */
const pdu = fc.oneof(
  fc
    .tuple(fc.integer({ min: 0, max: 0x0f }), fc.uint8Array({ maxLength: 20 }))
    .map(([code, rest]) => Buffer.concat([Buffer.of(code), rest])),
  fc.uint8Array({ minLength: 1, maxLength: 64 }).map((octets) => Buffer.from(octets)),
  fc
    .constantFrom(RESPONSE, `03${'11'.repeat(16)}`, `04${'11'.repeat(16)}`, '0508', '0b05')
    .map((hex) => Buffer.from(hex, 'hex')),
);

it('any PDUs, with encryption changes between them, only end a pairing', async () => {
  const step = fc.oneof({ arbitrary: pdu, weight: 5 }, { arbitrary: fc.constantFrom('on', 'off'), weight: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const { smp } = initiator();
      const paired = smp.pair({ authenticated: false }).then(
        () => 'paired',
        (error) => (error instanceof PairingError ? error.failure : 'threw'),
      );
      for (const one of steps) {
        if (typeof one === 'string') smp.encryptionChanged(one === 'on' ? 0 : 6, one === 'on');
        else smp.receive(one);
      }
      smp.end(0x13);
      expect(['paired', 'threw']).not.toContain(await paired);
      smp.receive(Buffer.from(RESPONSE, 'hex'));
    }),
    { numRuns: 2_000 },
  );
});

describe('over the radio', () => {
  let world: BondWorld;
  afterEach(() => world.close());

  it('a device that answers a pairing with nonsense is dropped, and the next link is as good as ever', async () => {
    world = openBondWorld();
    const { device, controller, start } = world;
    const samples = fc.sample(pdu, { numRuns: 40, seed: 7 });
    let hostile = true;
    device.onSmp = () => {
      for (const packet of samples.flatMap((one) => encodeAcl(controller.handleOf(device) ?? 0, CID_SMP, one, 27))) {
        if (hostile) controller.sendToHost(packet);
      }
      return hostile;
    };
    const agent = start(pairing('bond-before-discovery'));
    await until(() => agent.lost().length > 2);
    expect(agent.said().slice(0, 2)).toEqual(['failed: malformed', 'failed: malformed']);
    hostile = false;
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded' });
  });

  it('a device that hangs up in the middle of a pairing', async () => {
    world = openBondWorld();
    const { device, start } = world;
    device.onSmp = (pdu) => {
      if (pdu[0] === 0x03) device.disconnect();
      return pdu[0] === 0x03;
    };
    const agent = start(pairing('bond-before-discovery'));
    await until(() => agent.lost().length > 0);
    expect(agent.lost()[0]).toMatchObject({ pairing: { failure: 'disconnected', code: 0x13 } });
  });

  it('a device that is silent in the middle of a pairing', async () => {
    world = openBondWorld();
    const { device, start } = world;
    device.onSmp = () => true;
    const agent = start({ ...pairing('bond-before-discovery'), timings: { pairingTimeoutMs: 20, backoffMs: 5 } });
    await until(() => agent.lost().length > 0);
    expect(agent.lost()[0]).toMatchObject({ pairing: { failure: 'timeout' } });
  });
});
