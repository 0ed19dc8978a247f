/** Defect 13: devices that come under ever new random addresses leave no growth, here or in noble. */
import { afterEach, expect, it } from 'vitest';
import { loadNobleClasses } from '../../../edge-agent/radio/load-noble.ts';
import type { Bindings } from '../../../edge-agent/radio/noble-internals.ts';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { encodeAdvertisement } from '../../../simulators/hci/advertising.ts';
import { encodeAddress, encodeLeEvent, LE_ADVERTISING_REPORT } from '../../../simulators/hci/hci-packets.ts';
import { openRadioWorld, type RadioWorld, until } from '../../support/radio-world.ts';

const ADV_IND = 0x00;
const SCAN_RSP = 0x04;

let world: RadioWorld;
afterEach(() => world.close());

/** What noble remembers: of each of its maps, how many addresses. */
function watchNoble(): () => number[] {
  const { prototype } = loadNobleClasses().Bindings;
  const { init } = prototype;
  let bindings: Bindings | undefined;
  prototype.init = function (this: Bindings) {
    bindings = this;
    prototype.init = init;
    init.call(this);
  };
  return () => {
    const { _addresses, _addresseTypes, _connectable, scannable, _gap } = bindings!;
    return [_addresses, _addresseTypes, _connectable, scannable, _gap._discoveries].map(
      (map) => Object.keys(map).length,
    );
  };
}

function advertise(n: number): void {
  const address = `4${n.toString(16).padStart(11, '0')}`.replaceAll(/..(?!$)/g, '$&:');
  const data = encodeAdvertisement({ services: [0x180d] });
  for (const type of [ADV_IND, SCAN_RSP]) {
    const octets = type === ADV_IND ? data : Buffer.alloc(0);
    const head = [Buffer.of(1, type, 1), encodeAddress(address), Buffer.of(octets.length)];
    world.controller.sendToHost(encodeLeEvent(LE_ADVERTISING_REPORT, ...head, octets, Buffer.of(0xc4)));
  }
}

it('ten thousand addresses that are all wanted, and gone at once', async () => {
  const remembered = watchNoble();
  let heard = 0;
  world = await openRadioWorld({
    timings: { connectTimeoutMs: 5 },
    wants() {
      heard++;
      return true;
    },
  });
  await until(() => world.events.includes('adapter-on'));
  for (let n = 0; n < 10_000; n++) {
    advertise(n);
    if (n % 100 === 99) await until(() => heard > n);
  }
  // 512 idle ones, 64 between two clearings, and those that wait to be connected to.
  expect(world.radio.remembered).toBeLessThanOrEqual(512 + 2 * 64 + 1);
  for (const size of remembered()) expect(size).toBeLessThanOrEqual(512 + 2 * 64 + 1);

  // A device that stays is served all the same.
  const strap = world.controller.add(
    createHeartStrap({ address: 'F0:00:00:00:00:01', name: 'HTEST strap', serial: 'S-1' }),
  );
  await strap.whenHeard();
});
