// The stream's reader against streams that are cut at every place: what arrives must not depend on where.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../src/cli/api-client.ts';
import { eventParser, followEvents, newMemory, type ServerEvent } from '../../src/cli/event-stream.ts';

const STREAM =
  ': a comment\r\nretry: 25\n\nid: 1\nevent: state\ndata: {"a":1}\n\nid:2\r\ndata: two\r\ndata:\r\ndata:  lines\r\n\r\n' +
  'event: progress\ndata: null\n\nid: 3\n\nevent: lost its data\n\ndata: ü€𝄞\rid: 4\r\r: end\n';
// By the rules of WHATWG HTML 9.2.6, applied by hand.
const EVENTS: ServerEvent[] = [
  { id: '1', type: 'state', data: '{"a":1}' },
  { id: '2', type: 'message', data: 'two\n\n lines' },
  { id: '2', type: 'progress', data: 'null' },
  { id: '4', type: 'message', data: 'ü€𝄞' },
];

/** A stream whose bytes come in the pieces that `cuts` make. */
function streamOf(text: string, cuts: readonly number[] = [], end: 'close' | 'break' = 'close'): Response {
  const bytes = new TextEncoder().encode(text);
  const places = [0, ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
  const pieces = places.slice(1).map((place, i) => bytes.subarray(places[i], place));
  return new Response(
    new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = pieces.shift();
        if (piece !== undefined) controller.enqueue(piece);
        else if (end === 'close') controller.close();
        else controller.error(new TypeError('terminated')); // as fetch reports a broken connection
      },
    }),
  );
}

async function readAll(
  opens: readonly ((last: string | undefined) => Response)[],
  hasEnded = (numOpened: number) => numOpened === opens.length,
) {
  const askedFrom: (string | undefined)[] = [];
  const events: ServerEvent[] = [];
  let numBreaks = 0;
  const source = {
    open: (last: string | undefined) => {
      askedFrom.push(last);
      return Promise.resolve().then(() => opens[askedFrom.length - 1]!(last)); // hasEnded stops in time
    },
    hasEnded: () => Promise.resolve(hasEnded(askedFrom.length)),
    onBreak: () => (numBreaks += 1),
  };
  for await (const event of followEvents(source)) events.push(event);
  return { askedFrom, events, numBreaks };
}

describe('the event stream', () => {
  it('gives the same events wherever the bytes are cut, in characters and line ends too', async () => {
    const cuts = fc.array(fc.nat(10_000), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const { events } = await readAll([() => streamOf(STREAM, places)]);
        expect(events).toEqual(EVENTS);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('goes on behind the last whole event when a connection breaks in the middle of one', async () => {
    const numbered = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => `id: ${from + i}\ndata: ${from + i}\n\n`).join('');
    const { askedFrom, events, numBreaks } = await readAll([
      () => streamOf(`retry: 1\n\n${numbered(1, 4)}id: 4\ndata: 4\n`, [], 'break'),
      () => streamOf(numbered(4, 6)),
      () => {
        throw new ApiError(503, 'the database is away');
      },
      () => streamOf(numbered(6, 7)),
    ]);
    expect(events.map((event) => event.data)).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(askedFrom).toEqual([undefined, '3', '5', '5']);
    expect(numBreaks).toBe(2); // told once for the two failures in a row
  });

  it('throws a refusal instead of asking again', async () => {
    const refuse = () => {
      throw new ApiError(404, 'there is no such job');
    };
    await expect(readAll([refuse, refuse])).rejects.toThrow('there is no such job');
  });

  it('closes the connection when the reader stops', async () => {
    let signal: AbortSignal | undefined;
    const open = (_: string | undefined, given: AbortSignal) => {
      signal = given;
      return Promise.resolve(streamOf(STREAM));
    };
    for await (const event of followEvents({ open, hasEnded: () => Promise.resolve(false), onBreak: () => 0 })) {
      if (event.id === '1') break;
    }
    expect(signal?.aborted).toBe(true);
  });

  it('refuses an event without end', () => {
    const parse = eventParser(newMemory());
    const megabyte = 'x'.repeat(1024 * 1024);
    expect(() => {
      for (let i = 0; i < 20; i++) parse(`data: ${megabyte}\n`);
    }).toThrow(/without end/);
  });
});
