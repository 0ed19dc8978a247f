/** `npm run decode`: one line of NDJSON in, one line out. */
import { decodeHex } from '../protocol/bytes.ts';
import { type FaultCode, isFault } from '../protocol/fault.ts';
import { codecNamed, type Direction } from '../protocol/gatt/catalog.ts';
import { toPlain } from '../protocol/gatt/plain.ts';

/** Longest line that is looked at, in characters; a GATT value has at most 512 octets. */
export const MAX_LINE = 65_536;

/**
 * Decodes `{"characteristic": "2A37", "hex": "..."}`. Returns the decoded fields as JSON text, or `{"error": code}` with
 * a code of the closed set. A `direction` of `request` or `response` says who sent the value of a control point; without
 * it, the op code does. Never throws on any input.
 */
export function decodeLine(line: string): string {
  try {
    const request = parseRequest(line);
    if (!request) return refusal('malformed');
    const { decode, directions } = codecNamed(request.characteristic);
    const decodeDirection = (request.direction && directions?.[request.direction]) ?? decode;
    return toPlain(decodeDirection(decodeHex(request.hex)));
  } catch (error) {
    if (isFault(error)) return refusal(error.code);
    throw error;
  }
}

function refusal(error: FaultCode): string {
  return JSON.stringify({ error });
}

interface Request {
  readonly characteristic: string;
  readonly hex: string;
  readonly direction?: Direction | undefined;
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
  const { characteristic, hex, direction } = parsed as Record<string, unknown>;
  if (typeof characteristic !== 'string' || typeof hex !== 'string') return undefined;
  if (direction !== undefined && direction !== 'request' && direction !== 'response') return undefined;
  return { characteristic, hex, direction };
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
