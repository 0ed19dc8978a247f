/** Options of `npm run receipt`. */
import { parseArgs } from 'node:util';
import type { Instant } from '../protocol/time.ts';
import { type VitalSign, vitalSignByName } from '../protocol/vital-signs.ts';

export const RECEIPT_HELP = `Usage: npm run receipt -- --data DIR [options]

Writes receipts for readings, and notes in the patient's list that it did.
Works beside a running service and on the data of a stopped one.

Which readings (the newest one, if nothing else is said):
  --reading ID     this one
  --last N         the N newest
  --day DATE       all of a day, such as 2026-03-01; --zone +01:00 says of which zone (UTC)
  --from A --to B  all from A up to and without B, RFC 3339 such as 2026-03-01T08:00:00Z
  --vital NAME     only of this vital sign, such as heart-rate; once for each

In which form:
  --as json        one JSON object a line; with --out DIR one file for each (default)
  --as cbor        all of them packed in one small file, to --out FILE or standard output
  --as qr          a QR code as SVG of one reading, to --out FILE or standard output

  --data DIR       data directory
  --key FILE       key file of the patient; without it every key in DIR/keys/patients acts for its own
  --out PATH       see above
  --help           this text

It also writes DIR/trust.json with the public keys of the log and the service, and the contracts in
which the log is anchored; blocks of those chains that you know are yours to add. Whoever checks a
receipt should have those from somebody else than the party that is being checked.
`;

/** Which readings. */
export type ReceiptChoice =
  | { readonly kind: 'reading'; readonly id: string }
  | { readonly kind: 'last'; readonly count: number }
  | { readonly kind: 'interval'; readonly from: Instant; readonly to: Instant };

export const RECEIPT_FORMS = ['json', 'cbor', 'qr'] as const;
export type ReceiptForm = (typeof RECEIPT_FORMS)[number];

export interface ReceiptJob {
  readonly data: string;
  readonly choice: ReceiptChoice;
  /** None: every vital sign. */
  readonly vitals: readonly VitalSign[];
  readonly form: ReceiptForm;
  readonly key?: string;
  readonly out?: string;
}

const DAY_MS = 86_400_000;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2})$/;

/** Undefined when help was asked for. Throws an Error that names all that is wrong. */
export function readReceiptJob(argv: readonly string[]): ReceiptJob | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...{ data: text, reading: text, last: text, day: text, zone: text, from: text, to: text, key: text, out: text },
      vital: { type: 'string', multiple: true, default: [] },
      as: { type: 'string', default: 'json' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const problems: string[] = [];
  const { data, key, out } = values;
  if (data === undefined) problems.push('--data names the data directory');
  const form = RECEIPT_FORMS.find((one) => one === values.as);
  if (!form) problems.push(`--as is ${RECEIPT_FORMS.join(', ')}`);
  const vitals = values.vital.flatMap((name) => vitalSignByName(name) ?? []);
  if (vitals.length < values.vital.length) problems.push('--vital names no vital sign');
  const choice = readChoice(values, problems);
  if (problems.length > 0) throw new Error(`${problems.join('; ')}; --help tells more`);
  return {
    data: data!,
    choice: choice!,
    vitals,
    form: form!,
    ...(key !== undefined && { key }),
    ...(out !== undefined && { out }),
  };
}

type Values = Partial<Record<'reading' | 'last' | 'day' | 'zone' | 'from' | 'to', string>>;

function readChoice(values: Values, problems: string[]): ReceiptChoice | undefined {
  const { reading, last, day, zone, from, to } = values;
  const ways = [reading, last, day, from ?? to].filter((way) => way !== undefined);
  if (ways.length > 1) problems.push('--reading, --last, --day and --from exclude each other');
  if (zone !== undefined && day === undefined) problems.push('--zone goes with --day');
  if (reading !== undefined) return { kind: 'reading', id: reading };
  if (day !== undefined) return readDay(day, zone ?? 'Z', problems);
  if (from !== undefined || to !== undefined) {
    const [start, end] = [from, to].map((text) => (RFC_3339.test(text ?? '') ? Date.parse(text!) : Number.NaN));
    if (!(start! < end!)) problems.push('--from and --to are instants such as 2026-03-01T08:00:00Z, the later last');
    return { kind: 'interval', from: start!, to: end! };
  }
  if (last !== undefined && !/^[1-9]\d{0,5}$/.test(last)) problems.push('--last is a number from 1 to 999999');
  return { kind: 'last', count: Number(last ?? 1) };
}

function readDay(day: string, zone: string, problems: string[]): ReceiptChoice | undefined {
  const from = Date.parse(`${day}T00:00:00${zone}`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || !/^(?:Z|[+-]\d{2}:\d{2})$/.test(zone) || Number.isNaN(from)) {
    problems.push('--day is a date such as 2026-03-01, --zone an offset such as +01:00');
    return undefined;
  }
  return { kind: 'interval', from, to: from + DAY_MS };
}
