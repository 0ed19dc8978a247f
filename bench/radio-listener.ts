/** A process of its own that hears all straps: our radio, or noble as it comes, used as its manual says. */
import { openH4UnixTransport } from '../edge-agent/radio/h4-unix.ts';
import type { HciTransport } from '../edge-agent/radio/hci-transport.ts';
import { loadNobleClasses, openNoble } from '../edge-agent/radio/load-noble.ts';
import type { NoblePeripheral } from '../edge-agent/radio/noble-internals.ts';
import { PROFILES } from '../edge-agent/radio/profiles.ts';
import { openRadio } from '../edge-agent/radio/radio.ts';
import type { ListenerCommand, ListenerReport } from './radio-messages.ts';

const MIB = 1024 * 1024;
/** How long a value may be under way. */
const PATIENCE_MS = 5_000;

const [kind = 'radio', path = '', wanted = '0'] = process.argv.slice(2);
const count = Number(wanted);
let heard = 0;
let subscribed = 0;
let startedAt = performance.now();
let cpu = process.cpuUsage();

const transport = await openH4UnixTransport({ path, clock: { now: Date.now } });
startedAt = performance.now();
if (kind === 'radio') listen(transport);
else await listenPlainly(transport);

process.on('message', (command: ListenerCommand) => {
  if (command.kind === 'stop') {
    void tell(command.sent);
    return;
  }
  heard = 0;
  startedAt = performance.now();
  cpu = process.cpuUsage();
  report({ kind: 'started' });
});
process.once('disconnect', () => process.exit(0));

async function tell(sent: number): Promise<void> {
  const patience = performance.now() + PATIENCE_MS;
  while (heard < sent && performance.now() < patience) await new Promise((resolve) => setTimeout(resolve, 10));
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - startedAt) / 1000;
  const rssMiB = process.memoryUsage.rss() / MIB;
  report({ kind: 'measured', heard, seconds, cpuSeconds: (user + system) / 1e6, rssMiB });
}

function listen(transport: HciTransport): void {
  openRadio({
    transport,
    profiles: PROFILES,
    wants: () => true,
    onDevice: () => undefined,
    onNotification() {
      heard++;
      return undefined;
    },
    onLink: ({ state }) => state === 'subscribed' && noteSubscribed(),
    uptime: () => performance.now(),
    random: Math.random,
  });
}

interface PlainPeripheral extends NoblePeripheral {
  connectAsync(): Promise<void>;
  discoverSomeServicesAndCharacteristicsAsync(
    services: readonly string[],
    characteristics: readonly string[],
  ): Promise<{ characteristics: { subscribeAsync(): Promise<void>; on(event: 'data', hear: () => void): void }[] }>;
}

async function listenPlainly(transport: HciTransport): Promise<void> {
  const { noble } = openNoble(loadNobleClasses(), transport);
  noble.on('discover', (found: NoblePeripheral) => {
    const peripheral = found as PlainPeripheral;
    void (async () => {
      await peripheral.connectAsync();
      const { characteristics } = await peripheral.discoverSomeServicesAndCharacteristicsAsync(['180d'], ['2a37']);
      const [heartRate] = characteristics;
      heartRate?.on('data', () => void heard++);
      await heartRate?.subscribeAsync();
      noteSubscribed();
    })();
  });
  noble.on('stateChange', (state) => state === 'poweredOn' && noble.startScanning([], false));
}

function noteSubscribed(): void {
  if (++subscribed === count) report({ kind: 'subscribed', ms: performance.now() - startedAt });
}

function report(message: ListenerReport): void {
  process.send?.(message);
}
