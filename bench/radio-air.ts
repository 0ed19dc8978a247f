/** A process of its own with many simulated straps on the air, so that the radio's cost is measured without theirs. */
import { serveH4 } from '../simulators/hci/h4-server.ts';
import { VirtualController } from '../simulators/hci/virtual-controller.ts';
import { VirtualPeripheral } from '../simulators/hci/virtual-peripheral.ts';
import { type AirCommand, type AirReport, HEART_RATE, SLOTS } from './radio-messages.ts';

const [path = '', count = '0'] = process.argv.slice(2);
const controller = new VirtualController({ clock: { now: Date.now }, maxLinks: 2000 });
const straps = Array.from({ length: Number(count) }, (_, n) =>
  controller.add(
    new VirtualPeripheral({
      address: `f0:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 0xff).toString(16).padStart(2, '0')}`,
      name: `HTEST ${n}`,
      advertises: [0x180d],
      services: [{ uuid: 0x180d, characteristics: [{ uuid: HEART_RATE, properties: ['notify'] }] }],
    }),
  ),
);
const server = await serveH4({ controller, path });
report({ kind: 'ready' });

process.on('message', (command: AirCommand) => {
  void stream(command).then((sent) => report({ kind: 'sent', sent }));
});
process.once('disconnect', () => void server.close().then(() => process.exit(0)));

/** All straps at `hz`, spread over each period as independent devices are. */
async function stream({ hz, seconds }: AirCommand): Promise<number> {
  let sent = 0;
  const slotMs = 1000 / hz / SLOTS;
  const started = performance.now();
  for (let slot = 0; slot < hz * seconds * SLOTS; slot++) {
    const wait = started + slot * slotMs - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const value = Uint8Array.of(0, 60 + (slot % 60));
    const due = straps.filter((_, n) => n % SLOTS === slot % SLOTS);
    sent += (await Promise.all(due.map((strap) => strap.send(HEART_RATE, value)))).filter(Boolean).length;
  }
  return sent;
}

function report(message: AirReport): void {
  process.send?.(message);
}
