/**
 * Start of a CGM session, 2AAA: the date from which the sensor counts its minutes. A sensor that does not know it says so
 * in its status 2AA9, and is told the time once; from then on its start is right for the whole session (CGMS).
 */
import { Fault } from '../../protocol/fault.ts';
import { decodeCgmStatus } from '../../protocol/gatt/cgm.ts';
import { decodeCgmFeature, encodeCgmSessionStartTime } from '../../protocol/gatt/cgm-session.ts';
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import { type Instant, instantToWallClock } from '../../protocol/time.ts';
import { type Dialog, findIn, isWritable } from './dialog.ts';
import type { TransportClock } from './hci-transport.ts';

const SERVICE = 0x181f;

/** Tells a sensor the time that asks for it. Nothing happens with any other. Throws a RadioError when the link ends. */
export async function synchronizeSession(
  dialog: Dialog,
  clock: TransportClock,
  zoneOf: (instant: Instant) => number,
): Promise<void> {
  const status = findIn(dialog.found, 0x2aa9, SERVICE);
  const start = findIn(dialog.found, 0x2aaa, SERVICE);
  if (!status || !start || !isWritable(start)) return;
  const asks = await dialog.read(status, (octets) =>
    tolerant(() => decodeCgmStatus(octets).calTemp.includes('timeSyncRequired')),
  );
  if (!asks) return;
  const feature = findIn(dialog.found, 0x2aa8, SERVICE);
  const checked =
    feature &&
    (await dialog.read(feature, (octets) => tolerant(() => decodeCgmFeature(octets).features.includes('e2eCrc'))));
  const now = clock.now();
  const zoneMin = zoneOf(now);
  // Which part of the offset is daylight saving is not known here; a zone off the quarter of an hour cannot be told.
  const tzMin = zoneMin % 15 === 0 ? zoneMin : null;
  await dialog.write(
    start,
    encodeCgmSessionStartTime({
      time: wallClockToDateTime(instantToWallClock(now, zoneMin)),
      tzMin,
      dstMin: tzMin === null ? null : 0,
      crc: checked ? 'compute' : null,
    }),
  );
}

/** Undefined for octets that are no value. */
function tolerant<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
