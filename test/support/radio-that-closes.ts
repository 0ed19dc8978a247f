/** Hears one heart beat, closes in the middle of its work, and prints how long closing and exiting took. */
import { createHeartStrap } from '../../simulators/devices/heart-strap.ts';
import { openRadioWorld, until, type Way } from './radio-world.ts';

const strap = createHeartStrap({ address: 'F0:00:00:00:00:01', name: 'HTEST strap', serial: 'S-1' });
const late = createHeartStrap({ address: 'F0:00:00:00:00:02', name: 'HTEST silent', serial: 'S-2' });
late.misbehave = () => 'silence';
const world = await openRadioWorld({
  way: process.argv[2] as Way,
  setUp(controller) {
    controller.add(strap);
    controller.add(late);
  },
  timings: { operationTimeoutMs: 20_000, connectTimeoutMs: 20_000 },
});
await strap.whenHeard();
await strap.beat({ heartRate: 60 });
// One link in full swing, one in the middle of its discovery.
await until(() => world.heard(0x2a37).length === 1 && late.connected);
const closing = performance.now();
await world.close();
const closed = performance.now();
process.on('exit', () => {
  process.stdout.write(JSON.stringify({ closedMs: closed - closing, exitMs: performance.now() - closed }));
});
