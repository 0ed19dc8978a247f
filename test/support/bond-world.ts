/** One simulated device that pairs, and agents that come and go with a store of bonds, all on one virtual air. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBondStore } from '../../edge-agent/radio/bond-store.ts';
import { PROFILES } from '../../edge-agent/radio/profiles.ts';
import { openRadio } from '../../edge-agent/radio/radio.ts';
import type {
  LinkChange,
  RadioDevice,
  RadioNotification,
  SecurityChange,
} from '../../edge-agent/radio/radio-events.ts';
import type { LocalRadio as Radio, RadioOptions } from '../../edge-agent/radio/radio-options.ts';
import type { STANDARD } from '../../protocol/devices/policies.ts';
import type { SecurityOptions } from '../../simulators/hci/device-security.ts';
import { CID_ATT, CID_SMP } from '../../simulators/hci/hci-packets.ts';
import { createSimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { VirtualPeripheral } from '../../simulators/hci/virtual-peripheral.ts';
import { openVirtualTransport } from '../../simulators/hci/virtual-transport.ts';
import { STARTED_AT, until } from './radio-world.ts';

export const STORAGE_KEY = new Uint8Array(32).fill(7);
export const MEASUREMENT = 0x2a35;

/** A cuff whose measurements need a link that is encrypted, or one whose key was made with a passkey. */
export class BondedCuff extends VirtualPeripheral {
  /** Codes of all SMP PDUs that a central has sent. */
  readonly smpHeard: number[] = [];
  /** All ATT PDUs that a central has sent. */
  readonly attHeard: Buffer[] = [];
  /** Set to act in the place of the device on an SMP PDU; true when it has. */
  onSmp: (pdu: Buffer) => boolean = () => false;

  constructor(
    security: SecurityOptions,
    needs: 'nothing' | 'encryption' | 'authentication',
    address = 'F0:00:00:00:00:01',
    name = 'HTEST bonded cuff',
  ) {
    super({
      address,
      name,
      advertises: [0x1810],
      security,
      services: [
        {
          uuid: 0x1810,
          characteristics: [
            {
              uuid: MEASUREMENT,
              properties: ['indicate'],
              secure: needs === 'encryption',
              authenticated: needs === 'authentication',
            },
          ],
        },
      ],
    });
  }

  override receive(cid: number, payload: Buffer): void {
    if (cid === CID_SMP) this.smpHeard.push(payload[0] ?? -1);
    if (cid === CID_ATT) this.attHeard.push(Buffer.from(payload));
    if (cid !== CID_SMP || !this.onSmp(payload)) super.receive(cid, payload);
  }
}

export interface BondWorld {
  readonly controller: VirtualController;
  readonly device: BondedCuff;
  /** Path of the bonds. */
  readonly path: string;
  /** Starts an agent's radio, with the bonds that are on disk. */
  start(options?: Partial<RadioOptions>): Agent;
  close(): Promise<void>;
}

export interface Agent {
  readonly radio: Radio;
  readonly devices: RadioDevice[];
  readonly heard: RadioNotification[];
  readonly links: LinkChange[];
  readonly security: SecurityChange[];
  /** What came of securing links so far, in words. */
  said(): string[];
  lost(): LinkChange[];
}

export interface BondWorldOptions {
  readonly security?: SecurityOptions;
  readonly needs?: 'nothing' | 'encryption' | 'authentication';
}

export function openBondWorld({ security = {}, needs = 'encryption' }: BondWorldOptions = {}): BondWorld {
  const folder = mkdtempSync(join(tmpdir(), 'bonds-'));
  const path = join(folder, 'bonds');
  const clock = createSimClock(STARTED_AT);
  const controller = new VirtualController({ clock, advertisingIntervalMs: 10 });
  const device = controller.add(new BondedCuff(security, needs));
  const radios: Radio[] = [];
  return {
    controller,
    device,
    path,
    start(options = {}) {
      const notes = {
        devices: [] as RadioDevice[],
        heard: [] as RadioNotification[],
        links: [] as LinkChange[],
        security: [] as SecurityChange[],
      };
      const { timings, ...rest } = options;
      const radio = openRadio({
        transport: options.transport ?? openVirtualTransport(controller),
        profiles: PROFILES,
        bonds: openBondStore(path, STORAGE_KEY),
        wants: () => true,
        onDevice: (introduced) => void notes.devices.push(introduced),
        onNotification: (notification) => void notes.heard.push(notification),
        onLink: (change) => void notes.links.push(change),
        onSecurity: (change) => void notes.security.push(change),
        uptime: () => performance.now(),
        random: () => 0.5,
        timings: { backoffMs: 5, backoffMaxMs: 20, ...timings },
        ...rest,
      });
      radios.push(radio);
      return {
        radio,
        ...notes,
        said: () => notes.security.map(({ what, failure }) => (failure ? `${what}: ${failure}` : what)),
        lost: () => notes.links.filter(({ state }) => state === 'lost'),
      };
    },
    async close() {
      for (const radio of radios) await radio.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As the device's policy would have it. */
export function pairing(policy: typeof STANDARD.pairing, cccd: typeof STANDARD.cccd = 'rewrite-on-connect') {
  return { policiesOf: () => ({ pairing: policy, cccd }) };
}

/** Sends a measurement over the present link and waits until the agent has heard it. */
export async function measure(device: BondedCuff, agent: Agent): Promise<RadioNotification> {
  const before = agent.heard.length;
  await until(() => device.isSubscribed(MEASUREMENT));
  await device.send(MEASUREMENT, Uint8Array.of(0, 120, 0, 80, 0, 90, 0));
  await until(() => agent.heard.length > before);
  return agent.heard[before]!;
}

/** Ends the link, and waits until the agent is back. */
export async function reconnect(device: BondedCuff, agent: Agent): Promise<void> {
  const before = agent.links.filter(({ state }) => state === 'subscribed').length;
  device.disconnect();
  await until(() => agent.links.filter(({ state }) => state === 'subscribed').length > before);
}
