/** Bonds over the real noble stack: what disturbs them, who pretends to have one, identities, and subscriptions that are kept. */
import { afterEach, describe, expect, it } from 'vitest';
import { openBondStore } from '../../../edge-agent/radio/bond-store.ts';
import { openVirtualTransport } from '../../../simulators/hci/virtual-transport.ts';
import {
  BondedCuff,
  type BondWorld,
  type BondWorldOptions,
  measure,
  openBondWorld,
  pairing,
  reconnect,
  STORAGE_KEY,
} from '../../support/bond-world.ts';
import { until } from '../../support/radio-world.ts';

let world: BondWorld;
afterEach(() => world.close());

function open(options?: BondWorldOptions): BondWorld {
  world = openBondWorld(options);
  return world;
}

/** Pairing Request, Confirm, Random: what a central sends to pair. */
const PAIRING_PDUS = [0x01, 0x03, 0x04];

describe('what can go wrong here', () => {
  it('a bond that cannot be kept is none: the link is dropped, and tried again', async () => {
    const { device, start, path } = open();
    const bonds = openBondStore(path, STORAGE_KEY);
    let full = true;
    const agent = start({
      ...pairing('bond-before-discovery'),
      bonds: {
        ...bonds,
        put(bond) {
          if (full) throw new Error('no space left');
          bonds.put(bond);
        },
      },
    });
    await until(() => agent.lost().length > 1);
    full = false;
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded' });
  });

  it('a passkey that nobody can be asked for', async () => {
    const { start } = open({ security: { io: 'display' } });
    const agent = start({ ...pairing('passkey'), passkeyOf: () => Promise.reject(new Error('nobody there')) });
    await until(() => agent.lost().length > 0);
    expect(agent.lost()[0]).toMatchObject({ pairing: { failure: 'no-passkey' } });
  });

  it('an adapter that loses power in the middle of a pairing', async () => {
    const { device, controller, start } = open();
    const transport = openVirtualTransport(controller);
    let off = false;
    device.onSmp = () => {
      if (!off) setImmediate(() => transport.setPower(false));
      off = true;
      return true;
    };
    const agent = start({ ...pairing('bond-before-discovery'), transport });
    await until(() => agent.lost().length > 0);
    expect(agent.lost()[0]).toMatchObject({ pairing: { failure: 'disconnected' } });
    device.onSmp = () => false;
    transport.setPower(true);
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded' });
  });
});

describe('somebody who pretends to be a bonded device', () => {
  it('is not heard: without the key of the bond nothing is taken from the link', async () => {
    const { device, controller, start } = open({ needs: 'nothing', security: { requestsSecurity: true } });
    const agent = start();
    await measure(device, agent);
    await agent.radio.close();
    const { address } = device;
    controller.remove(device);
    const stranger = controller.add(new BondedCuff({}, 'nothing', address));
    const other = start();
    await until(() => other.lost().length > 1);
    expect(other.heard).toEqual([]);
    expect(other.devices).toEqual([]);
    expect(stranger.attHeard.filter((pdu) => pdu[0] === 0x12)).toEqual([]);
  });
});

describe('identity', () => {
  it('a device that rotates its address stays the same device', async () => {
    const { device, start } = open({ security: { identity: 'rotates' } });
    const id = device.address;
    const agent = start({ wants: ({ address }) => address === id });
    await measure(device, agent);
    for (let i = 0; i < 3; i++) {
      device.stopAdvertising();
      device.disconnect();
      device.rotateAddress();
      expect(device.address).not.toBe(id);
      const before = agent.links.filter(({ state }) => state === 'subscribed').length;
      device.startAdvertising();
      await until(() => agent.links.filter(({ state }) => state === 'subscribed').length > before);
      expect(await measure(device, agent)).toMatchObject({ device: id, link: 'bonded', connection: i + 2 });
    }
    expect(agent.radio.remembered).toBe(1);
    expect(device.smpHeard).toEqual(PAIRING_PDUS);
  });

  it('an identity key of all zeros is noted and not kept', async () => {
    const { device, start, path } = open({ security: { identity: 'zero' } });
    const agent = start();
    await measure(device, agent);
    expect(agent.said()).toEqual(['zero-irk', 'paired']);
    expect(openBondStore(path, STORAGE_KEY).find(device.address)).not.toHaveProperty('identityKey');
  });
});

describe('subscriptions', () => {
  const WRITE = 0x12;
  const writes = () =>
    world.device.attHeard.filter((pdu) => pdu[0] === WRITE).map((pdu) => pdu.subarray(3).toString('hex'));

  it('are kept by a bonded device and not written again', async () => {
    const { device, start } = open({ security: { keepsSubscriptions: true, unsubscribingDestroysBond: true } });
    const agent = start(pairing('bond-before-discovery', 'keep-when-bonded'));
    await measure(device, agent);
    expect(writes()).toEqual(['0200']);
    await reconnect(device, agent);
    await measure(device, agent);
    await agent.radio.close();
    expect(writes()).toEqual(['0200']);
    expect(device.bondCount).toBe(1);
  });

  it('are written anew where the device has lost them', async () => {
    const { device, start } = open();
    const agent = start(pairing('bond-before-discovery', 'keep-when-bonded'));
    await measure(device, agent);
    await reconnect(device, agent);
    await measure(device, agent);
    expect(writes()).toEqual(['0200', '0200']);
  });

  it('are always written to other devices', async () => {
    const { device, start } = open({ security: { keepsSubscriptions: true } });
    const agent = start(pairing('bond-before-discovery'));
    await measure(device, agent);
    await reconnect(device, agent);
    await measure(device, agent);
    expect(writes()).toEqual(['0200', '0200']);
  });
});
