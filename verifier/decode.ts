/** `npm run decode`: one line of NDJSON in, one line out. */
import { decodeHex } from '../protocol/bytes.ts';
import { profileNamed, profileOf } from '../protocol/devices/device-profile.ts';
import { decodeQuirk } from '../protocol/devices/value-quirks.ts';
import { Fault, type FaultCode, isFault } from '../protocol/fault.ts';
import { codecNamed, type Direction } from '../protocol/gatt/catalog.ts';
import { toPlain } from '../protocol/gatt/plain.ts';

/** Longest line that is looked at, in characters; a GATT value has at most 512 octets. */
export const MAX_LINE = 65_536;

/**
 * Decodes `{"characteristic": "2A37", "hex": "..."}`. Returns the decoded fields as JSON text, or `{"error": code}` with
 * a code of the closed set. A `direction` of `request` or `response` says who sent the value of a control point; without
 * it, the op code does. A `profile` names the device profile whose quirks the value may have, by its name or by that of a
 * device which it recognizes; a `device` does the latter, too, and stands for no profile where it is not recognized. Never
 * throws on any input.
 */
export function decodeLine(line: string): string {
  try {
    const request = parseRequest(line);
    if (!request) return refusal('malformed');
    const { decode, directions } = codecNamed(request.characteristic);
    const decodeDirection = (request.direction && directions?.[request.direction]) ?? decode;
    const bytes = decodeHex(request.hex);
    const quirky = decodeQuirk(Number.parseInt(request.characteristic, 16), bytes, profileNameOf(request));
    return toPlain(quirky ?? decodeDirection(bytes));
  } catch (error) {
    if (isFault(error)) return refusal(error.code);
    throw error;
  }
}

function refusal(error: FaultCode): string {
  return JSON.stringify({ error });
}

/** Throws `not-found` for a profile that is none: a slip of the pen must not look like a device without quirks. */
function profileNameOf({ profile, device }: Request): string {
  if (profile === undefined) return profileOf({ name: device }).name;
  const { name } = profileNamed(profile) ?? profileOf({ name: profile });
  if (name === 'generic' && profile !== name) throw new Fault('not-found', 'no such device profile');
  return name;
}

interface Request {
  readonly characteristic: string;
  readonly hex: string;
  readonly direction?: Direction | undefined;
  readonly profile?: string | undefined;
  readonly device?: string | undefined;
}

function parseRequest(line: string): Request | undefined {
  if (line.length > MAX_LINE) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { characteristic, hex, direction, profile, device } = parsed as Record<string, unknown>;
  if (typeof characteristic !== 'string' || typeof hex !== 'string') return undefined;
  if (direction !== undefined && direction !== 'request' && direction !== 'response') return undefined;
  if (!isTextOrAbsent(profile) || !isTextOrAbsent(device)) return undefined;
  return { characteristic, hex, direction, profile, device };
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

/**
 * Answers each line of a stream of text, one for one, also empty lines; a last line needs no line feed. A line beyond
 * {@link MAX_LINE} is dropped as it arrives and answered as `malformed`, so that memory stays flat.
 */
export async function* decodeLines(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let line = '';
  let started = false;
  for await (const chunk of chunks) {
    let answers = '';
    for (const [i, piece] of chunk.split('\n').entries()) {
      if (i > 0) {
        answers += `${decodeLine(line)}\n`;
        line = '';
        started = false;
      }
      if (piece !== '') started = true;
      if (line.length <= MAX_LINE) line += piece.slice(0, MAX_LINE + 1);
    }
    if (answers) yield answers;
  }
  if (started) yield `${decodeLine(line)}\n`;
}
