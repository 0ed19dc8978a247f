/** `npm run simulate -- import`: a recording of a real radio, with everything taken out that is not one device's. */
import { readFileSync, writeFileSync } from 'node:fs';
import { readBtsnoop, writeBtsnoop } from './btsnoop/btsnoop-file.ts';
import { parseCachedTable } from './btsnoop/cached-table.ts';
import { listPeripherals, onlySpeaker } from './btsnoop/extract-peripheral.ts';
import { redact } from './btsnoop/redact.ts';

export interface ImportSettings {
  readonly input: string;
  /** Must not be there yet. */
  readonly output: string;
  /** Address of the device that is kept; the only one that sent values where it is left out. */
  readonly device?: string;
  /** File that names the attributes of a device whose table the recording does not hold. */
  readonly cached?: string;
}

/** Writes the redacted recording (0600) and says what was taken out. Throws a fault, `not-found` naming the devices. */
export function importCapture({ input, output, device, cached }: ImportSettings): string {
  const records = readBtsnoop(new Uint8Array(readFileSync(input)));
  const keep = device ?? onlySpeaker(records);
  const table = cached === undefined ? undefined : parseCachedTable(readFileSync(cached, 'utf8'));
  const redaction = redact(records, { keep, ...(table && { cached: table }) });
  writeFileSync(output, writeBtsnoop(redaction.records), { mode: 0o600, flag: 'wx' });
  const { address, dropped, blanked } = redaction;
  return `${redaction.records.length} packets kept, ${dropped} left out, ${blanked} values blanked; the device is now ${address}.\n`;
}

/** The devices of a recording, for whoever has to name one. */
export function describeCapture(input: string): string {
  return listPeripherals(readBtsnoop(new Uint8Array(readFileSync(input))))
    .map(({ address, name, links, values }) => `  ${address}  ${links} links, ${values} values  ${name ?? ''}\n`)
    .join('');
}
