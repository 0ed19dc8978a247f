/** When a device was last heard: it tells of itself once, but every reading is a sign of life. */
import type { Device, Reading } from '../shared/answers.ts';

/** The later of its own description and its newest readings. */
export function deviceHeardAt({ id, heardAt }: Device, latest: readonly Reading[]): string | undefined {
  let newest = heardAt;
  for (const reading of latest) {
    if (reading.device !== id) continue;
    if (newest === undefined || Date.parse(reading.heardAt) > Date.parse(newest)) newest = reading.heardAt;
  }
  return newest;
}
