/** Server-sent events from text as it arrives in pieces (WHATWG HTML §9.2.6); `id` and `retry` are not used. */

export interface StreamEvent {
  readonly type: string;
  readonly data: string;
}

/** Reads pieces in order; the answer holds the events that each piece completes. */
export function createEventReader(): (text: string) => StreamEvent[] {
  let rest = '';
  let type = '';
  let data: string[] = [];

  return (text) => {
    const events: StreamEvent[] = [];
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line === '') {
        if (data.length > 0) events.push({ type: type || 'message', data: data.join('\n') });
        type = '';
        data = [];
        continue;
      }
      const [field, value] = splitField(line);
      if (field === 'event') type = value;
      if (field === 'data') data.push(value);
    }
    return events;
  };
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon < 0) return [line, ''];
  const value = line.slice(colon + 1);
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value];
}
