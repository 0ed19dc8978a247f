/** Bonds over the real noble stack: made, kept, used again, lost, refused. The codes are those of SMP (Core 5.2 Vol 3 Part H §3.5). */
import { statSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { openBondStore } from '../../../edge-agent/radio/bond-store.ts';
import {
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

const LABEL = 271_828;
const onLabel = async () => LABEL;
/** Pairing Request, Confirm, Random: what a central sends to pair. */
const PAIRING_PDUS = [0x01, 0x03, 0x04];

describe('Just Works', () => {
  it('pairs when the device asks, and uses the key on the next link without pairing again', async () => {
    const { device, start, path } = open();
    const agent = start();
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded', connection: 1 });
    expect(agent.said()).toEqual(['paired']);
    expect(device.smpHeard).toEqual(PAIRING_PDUS);
    expect(statSync(path).mode & 0o777).toBe(0o600);

    await reconnect(device, agent);
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded', connection: 2 });
    expect(agent.said()).toEqual(['paired', 'encrypted']);
    expect(agent.devices.map(({ link }) => link)).toEqual(['bonded', 'bonded']);
    expect(device.smpHeard).toEqual(PAIRING_PDUS);
  });

  it('pairs again when the bond was given up', async () => {
    const { device, start, path } = open();
    const agent = start();
    await measure(device, agent);
    agent.radio.unbond(device.address.toUpperCase());
    expect(openBondStore(path, STORAGE_KEY).devices()).toEqual([]);
    await until(() => agent.lost().length === 1);
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded', connection: 2 });
    expect(agent.said()).toEqual(['paired', 'paired']);
  });

  it('uses the key after a restart of the agent', async () => {
    const { device, start } = open();
    const first = start();
    await measure(device, first);
    await first.radio.close();
    const second = start();
    expect(await measure(device, second)).toMatchObject({ link: 'bonded', connection: 1 });
    expect(second.said()).toEqual(['encrypted']);
    expect(device.smpHeard).toEqual(PAIRING_PDUS);
  });

  it('pairs before discovery where the policy says so: the device would switch itself off otherwise', async () => {
    const { device, start } = open({ security: { powersOffWhenDiscoveredUnpaired: true } });
    const agent = start(pairing('bond-before-discovery'));
    await measure(device, agent);
    expect(agent.devices).toMatchObject([{ link: 'bonded' }]);
    expect(agent.lost()).toEqual([]);
  });

  it('switches off a device that is discovered before it is paired', async () => {
    const { device, start } = open({ security: { powersOffWhenDiscoveredUnpaired: true } });
    const agent = start(pairing('when-asked'));
    await until(() => agent.lost().length > 0);
    expect(device.advertises).toBe(false);
  });

  it('does not pair where the policy is not to, nor where nobody allows it', async () => {
    const { device, start } = open();
    const agent = start(pairing('none'));
    await until(() => agent.lost().length > 0);
    expect(agent.lost()[0]).toMatchObject({ pairing: { failure: 'not-allowed' } });
    await agent.radio.close();
    const other = start({ mayPair: () => false });
    await until(() => other.lost().length > 0);
    expect(device.smpHeard).toEqual([]);
  });

  it('leaves a device alone that is to be paired before anybody connects, until it may', async () => {
    const { device, start } = open();
    let allowed = false;
    let asked = 0;
    const agent = start({
      ...pairing('bond-before-connect'),
      mayPair: () => {
        asked++;
        return allowed;
      },
    });
    await until(() => asked > 2);
    expect(agent.links.map(({ state }) => state)).toEqual(['heard']);
    allowed = true;
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded' });
  });
});

describe('passkey', () => {
  it('is entered here when the device shows it', async () => {
    const { device, start } = open({ security: { io: 'display' }, needs: 'authentication' });
    let shown: number | undefined;
    device.on('passkey', (passkey) => {
      shown = passkey;
    });
    const agent = start({ ...pairing('passkey'), passkeyOf: async () => shown });
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded' });
    await reconnect(device, agent);
    await measure(device, agent);
    expect(device.smpHeard).toEqual(PAIRING_PDUS);
  });

  it('is shown here when the device has a keyboard', async () => {
    const { device, start } = open({ security: { io: 'keyboard' }, needs: 'authentication' });
    const shown: number[] = [];
    const agent = start({
      ...pairing('passkey'),
      passkeyOf: onLabel,
      showPasskey: (_device, passkey) => {
        shown.push(passkey);
        device.enterPasskey(passkey);
      },
    });
    await measure(device, agent);
    expect(shown).toHaveLength(1);
  });

  it('is asked for when the device asks, on a link that is encrypted with less', async () => {
    const { device, start, path } = open({ security: { io: 'display', passkey: LABEL }, needs: 'authentication' });
    const without = start(pairing('just-works'));
    await until(() => without.lost().length > 0);
    expect(without.said()[0]).toBe('paired');
    await without.radio.close();
    const agent = start({ passkeyOf: onLabel });
    await measure(device, agent);
    expect(agent.said()).toEqual(['encrypted', 'paired']);
    expect(openBondStore(path, STORAGE_KEY).find(device.address)).toMatchObject({ authenticated: true });
  });

  it('that is wrong ends the link with a typed reason, and nothing is kept', async () => {
    const { device, start, path } = open({ security: { io: 'display', passkey: LABEL }, needs: 'authentication' });
    const agent = start({ ...pairing('passkey'), passkeyOf: async () => 314_159 });
    await until(() => agent.lost().length > 0);
    expect(agent.lost()[0]).toMatchObject({
      reason: 'secure: wrong-passkey 0x4',
      pairing: { failure: 'wrong-passkey', code: 4 },
    });
    expect(device.bondCount).toBe(0);
    expect(openBondStore(path, STORAGE_KEY).devices()).toEqual([]);
  });

  it.each([undefined, -1, 1_000_000, 1.5])('%s is none', async (passkey) => {
    const { start } = open({ security: { io: 'display' }, needs: 'authentication' });
    const agent = start({ ...pairing('passkey'), passkeyOf: async () => passkey });
    await until(() => agent.lost().length > 0);
    expect(agent.lost()[0]).toMatchObject({ pairing: { failure: 'no-passkey', code: 1 } });
  });

  it('cannot be had from a device without display and keyboard', async () => {
    const { start } = open();
    const agent = start({ ...pairing('passkey'), passkeyOf: onLabel });
    await until(() => agent.lost().length > 0);
    expect(agent.lost()[0]).toMatchObject({ pairing: { failure: 'passkey-impossible', code: 3 } });
  });
});

/** A device whose bond is kept with a key that is not its own. */
async function withWrongKey(
  device: BondWorld['device'],
  start: BondWorld['start'],
  path: string,
  options?: Parameters<BondWorld['start']>[0],
): Promise<void> {
  const agent = start(options);
  await measure(device, agent);
  await agent.radio.close();
  const bonds = openBondStore(path, STORAGE_KEY);
  bonds.put({ ...bonds.find(device.address)!, key: new Uint8Array(16) });
}

describe('a bond that one side has lost', () => {
  it('is reported, and not replaced unless that is allowed', async () => {
    const { device, start } = open();
    const agent = start();
    await measure(device, agent);
    device.forgetBonds();
    device.disconnect();
    await until(() => agent.lost().length > 1);
    expect(agent.lost()[1]).toMatchObject({ pairing: { failure: 'stale-bond', code: 6 } });
    expect(device.smpHeard).toEqual(PAIRING_PDUS);
    await agent.radio.close();

    const asked: string[] = [];
    const allowing = start({
      async mayPairAnew(address) {
        asked.push(address);
        return true;
      },
    });
    expect(await measure(device, allowing)).toMatchObject({ link: 'bonded' });
    expect(asked).toEqual([device.address]);
    expect(allowing.said()).toEqual(['stale: stale-bond', 'paired']);
  });

  it('is made anew with a passkey when it had been made with one', async () => {
    const { device, start } = open({ security: { io: 'display', passkey: LABEL }, needs: 'authentication' });
    const agent = start({ ...pairing('passkey'), passkeyOf: onLabel });
    await measure(device, agent);
    await agent.radio.close();
    device.forgetBonds();
    const without = start({ mayPairAnew: () => true });
    await until(() => without.lost().length > 0);
    expect(without.said()).toEqual(['stale: stale-bond', 'failed: no-passkey']);
  });

  it('is made anew when the agent has lost it', async () => {
    const { device, start, path } = open();
    const agent = start();
    await measure(device, agent);
    await agent.radio.close();
    openBondStore(path, STORAGE_KEY).remove(device.address);
    const other = start();
    expect(await measure(device, other)).toMatchObject({ link: 'bonded' });
    expect(other.said()).toEqual(['paired']);
  });

  it('is known by a key that is wrong, too, and made anew on the next link where that is allowed', async () => {
    const { device, start, path } = open();
    await withWrongKey(device, start, path);
    const kept = start();
    await until(() => kept.lost().length > 2);
    expect(new Set(kept.said())).toEqual(new Set(['stale: stale-bond', 'failed: stale-bond']));
    await kept.radio.close();
    const other = start({ mayPairAnew: () => true });
    expect(await measure(device, other)).toMatchObject({ link: 'bonded' });
    expect(other.lost()[0]).toMatchObject({ pairing: { failure: 'stale-bond', code: 0x3d } });
    expect(other.said()).toEqual(['stale: stale-bond', 'failed: stale-bond', 'paired']);
  });

  it('is never made anew without a passkey that it had, whatever a stranger pretends', async () => {
    const { device, start, path } = open({ security: { io: 'display', passkey: LABEL }, needs: 'authentication' });
    await withWrongKey(device, start, path, { passkeyOf: onLabel });
    const agent = start({ mayPairAnew: () => true });
    await until(() => agent.lost().length > 2);
    expect(agent.said()).not.toContain('paired');
    expect(openBondStore(path, STORAGE_KEY).devices()).toEqual([device.address]);
  });

  it('is noted as one for each link when the device never keeps it', async () => {
    const { device, start } = open({ security: { freshBondPerLink: true } });
    const agent = start({ mayPairAnew: () => true });
    await measure(device, agent);
    for (let i = 0; i < 3; i++) {
      await reconnect(device, agent);
      await measure(device, agent);
    }
    expect(agent.said()).toEqual([
      'paired',
      ...['stale: stale-bond', 'paired'],
      ...['stale: stale-bond', 'paired', 'fresh-bond-per-link'],
      // Its old key is not even tried any more.
      'paired',
    ]);
  });
});

describe('what a device wants', () => {
  it('a Security Request is granted: by pairing, and on the next link by the bond', async () => {
    const { device, start } = open({ security: { requestsSecurity: true }, needs: 'nothing' });
    const agent = start();
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded' });
    await reconnect(device, agent);
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded' });
    expect(agent.said()).toEqual(['paired', 'encrypted']);
    expect(device.smpHeard).toEqual(PAIRING_PDUS);
  });

  it('a Security Request in the middle of a link is granted as well', async () => {
    const { device, start } = open({ needs: 'nothing' });
    const agent = start();
    expect(await measure(device, agent)).toMatchObject({ link: 'unbonded' });
    device.requestSecurity();
    await until(() => device.encrypted && agent.said().includes('paired'));
    expect(await measure(device, agent)).toMatchObject({ link: 'bonded' });
  });

  it('a Security Request is refused where the policy is not to pair, and the link goes on', async () => {
    const { device, start } = open({ security: { requestsSecurity: true }, needs: 'nothing' });
    const agent = start(pairing('none'));
    expect(await measure(device, agent)).toMatchObject({ link: 'unbonded' });
    expect(device.smpHeard).toEqual([0x05]);
  });

  it('LE Secure Connections are named when they are demanded', async () => {
    const { start } = open({ security: { secureConnectionsOnly: true, io: 'display' } });
    const agent = start({ ...pairing('passkey'), passkeyOf: onLabel });
    await until(() => agent.lost().length > 0);
    expect(agent.lost()[0]).toMatchObject({
      reason: 'secure: needs LE Secure Connections, which is not supported yet 0x3',
      pairing: { failure: 'needs-secure-connections', code: 3 },
    });
  });

  it('a device that is bonded with another host pairs with no second one', async () => {
    const { device, start, path } = open({ security: { oneHost: true } });
    const agent = start();
    await measure(device, agent);
    await agent.radio.close();
    openBondStore(path, STORAGE_KEY).remove(device.address);
    world.controller.address = 'c0:ff:ee:00:00:02';
    const other = start();
    await until(() => other.lost().length > 0);
    expect(other.lost()[0]).toMatchObject({ pairing: { failure: 'not-supported', code: 5 } });
  });
});
