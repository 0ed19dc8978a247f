/** `anchors/status.json` beside the log: how far each anchor is. Public, so it holds sizes and names only. */
import { Fault } from './fault.ts';
import { asText, asWhole, members, parseJson } from './strict-json.ts';

export const ANCHOR_STATUS_PATH = 'anchors/status.json';

const FORMAT = 'veravita/anchors@v1';

export interface AnchorStatus {
  /** Name of its folder of evidence files, `anchors/NAME/SIZE.json`. */
  readonly name: string;
  /** Size of the newest head that is anchored for good; 0 for none. It covers every entry below. */
  readonly size: number;
  /** What it was anchored in is proven to be gone, and nothing has taken its place yet: it counts for nothing meanwhile. */
  readonly doubtful?: true;
  /** Size of the head that is under way. */
  readonly pending?: number;
  /** Code of what stands in its way. */
  readonly trouble?: string;
}

export function encodeAnchorStatus(anchors: readonly AnchorStatus[]): string {
  return `${JSON.stringify({ format: FORMAT, anchors }, null, 2)}\n`;
}

/** Throws `malformed`, `too-large`, `version`. */
export function decodeAnchorStatus(text: string): AnchorStatus[] {
  const { format, anchors } = members(parseJson(text), ['format', 'anchors']);
  if (format !== FORMAT) throw new Fault('version', 'not a status of this format');
  if (!Array.isArray(anchors)) throw new Fault('malformed', 'anchors are a list');
  return anchors.map((value) => {
    const { name, size, doubtful, pending, trouble } = members(
      value,
      ['name', 'size'],
      ['doubtful', 'pending', 'trouble'],
    );
    if (doubtful !== undefined && doubtful !== true) throw new Fault('malformed', 'doubtful is true or absent');
    if (!/^[a-z0-9-]+$/.test(asText(name))) throw new Fault('malformed', 'not the name of an anchor');
    return {
      name: asText(name),
      size: asWhole(size),
      ...(doubtful === true && { doubtful }),
      ...(pending !== undefined && { pending: asWhole(pending) }),
      ...(trouble !== undefined && { trouble: asText(trouble) }),
    };
  });
}

/** Path of the evidence for a size. */
export function evidencePath(name: string, size: number): string {
  return `anchors/${name}/${size}.json`;
}
