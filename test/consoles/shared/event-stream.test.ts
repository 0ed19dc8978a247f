import { describe, expect, it } from 'vitest';
import { createEventReader } from '../../../consoles/shared/event-stream.ts';

const STREAM =
  ': open\n\nevent: reading\ndata: {"a":1}\n\n: alive\n\ndata: one\r\ndata: two\r\n\r\nevent: changed\ndata: {}\n\n';
const EVENTS = [
  { type: 'reading', data: '{"a":1}' },
  { type: 'message', data: 'one\ntwo' },
  { type: 'changed', data: '{}' },
];

describe('createEventReader', () => {
  it('reads a stream in one piece', () => {
    expect(createEventReader()(STREAM)).toEqual(EVENTS);
  });

  it('reads it in pieces cut anywhere', () => {
    for (let size = 1; size < 20; size++) {
      const read = createEventReader();
      const pieces = STREAM.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
      expect(pieces.flatMap(read)).toEqual(EVENTS);
    }
  });

  it('gives nothing for an event that is not complete', () => {
    expect(createEventReader()('event: reading\ndata: {"a":1}\n')).toEqual([]);
  });
});
