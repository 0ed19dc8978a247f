/** Battery service (BAS): Battery Level 2A19. */
import { ByteReader } from '../bytes.ts';
import { Fault } from '../fault.ts';

/** 2A19. */
export interface BatteryLevel {
  /** Charge of the wearable, 0..100 %. */
  readonly percent: number;
}

/** Throws `truncated`, `trailing`, and `range` above 100. */
export function decodeBatteryLevel(bytes: Uint8Array): BatteryLevel {
  const reader = new ByteReader(bytes);
  const percent = reader.u8();
  reader.end();
  // GSS Battery Level: 101..255 are reserved.
  if (percent > 100) throw new Fault('range', 'more than 100 percent');
  return { percent };
}

/** The reverse of {@link decodeBatteryLevel}. Throws `range`. */
export function encodeBatteryLevel({ percent }: BatteryLevel): Uint8Array {
  if (!Number.isInteger(percent) || percent < 0 || percent > 100) throw new Fault('range', 'not 0 to 100 percent');
  return Uint8Array.of(percent);
}
