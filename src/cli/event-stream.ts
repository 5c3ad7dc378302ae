// Server-sent events (WHATWG HTML, section 9.2) read through fetch, taken up again behind the last event when a connection breaks.
import { setTimeout as sleep } from 'node:timers/promises';
import { DataError } from '../errors.ts';
import { ApiError } from './api-client.ts';

export interface ServerEvent {
  /** Undefined until the server has sent an id. */
  readonly id: string | undefined;
  readonly type: string;
  readonly data: string;
}

export interface EventSource {
  /** Opens the stream behind the event of that id; throws ApiError. */
  readonly open: (lastEventId: string | undefined, signal: AbortSignal) => Promise<Response>;
  /** Asked whenever a stream has ended: whether nothing more will come. */
  readonly hasEnded: () => Promise<boolean>;
  /** Told once each time the connection is lost. */
  readonly onBreak: () => void;
}

/** The server comments every 15 s: a stream that is silent for longer is dead, though no end of it arrived. */
const SILENCE_MS = 60_000;
/** A server that has been away for so long is given up. */
const GIVE_UP_MS = 600_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const MAX_EVENT_CHARACTERS = 16 * 1024 * 1024;

/**
 * The events of a source until it has ended or the caller stops reading; none is lost or repeated over reconnections. Throws
 * the ApiError of a refusal, and of a server that does not come back.
 */
export async function* followEvents(source: EventSource): AsyncGenerator<ServerEvent> {
  const memory: StreamMemory = { ...newMemory(), heardMs: performance.now(), numFailures: 0 };
  for (;;) {
    try {
      yield* readOnce(source, memory);
      if (await source.hasEnded()) return;
    } catch (error) {
      if (!isBreak(error) || performance.now() - memory.heardMs > GIVE_UP_MS) throw error;
    }
    if (memory.numFailures === 0) source.onBreak();
    await sleep(Math.min(memory.waitMs * 2 ** memory.numFailures, Math.max(LONGEST_WAIT_MS, memory.waitMs)));
    memory.numFailures += 1;
  }
}

/** What outlives a connection: the id behind which the next one starts, and how long the server wants to be left alone. */
export interface ParserMemory {
  lastEventId: string | undefined;
  waitMs: number;
}

interface StreamMemory extends ParserMemory {
  heardMs: number;
  /** Connections in a row from which nothing came. */
  numFailures: number;
}

/** The memory before the first connection. */
export function newMemory(): ParserMemory {
  return { lastEventId: undefined, waitMs: FIRST_WAIT_MS };
}

async function* readOnce(source: EventSource, memory: StreamMemory): AsyncGenerator<ServerEvent> {
  const controller = new AbortController();
  const alarm = setTimeout(() => controller.abort(), SILENCE_MS);
  try {
    const response = await source.open(memory.lastEventId, controller.signal);
    const parse = eventParser(memory);
    const decoder = new TextDecoder();
    const reader = response.body?.getReader(); // none: the answer 204, there is nothing more
    for (;;) {
      const piece = await reader?.read();
      if (piece === undefined || piece.done) return;
      alarm.refresh();
      Object.assign(memory, { heardMs: performance.now(), numFailures: 0 });
      yield* parse(decoder.decode(piece.value, { stream: true }));
    }
  } finally {
    clearTimeout(alarm);
    controller.abort();
  }
}

// fetch reports a connection that breaks in mid-stream as TypeError, a silence as AbortError.
function isBreak(error: unknown): boolean {
  if (error instanceof ApiError) return error.isPassing;
  return error instanceof TypeError || (error instanceof Error && error.name === 'AbortError');
}

/** A parser that takes the stream's text in pieces of any length and returns the events that each piece completes. */
export function eventParser(memory: ParserMemory): (text: string) => ServerEvent[] {
  let rest = '';
  let [type, data, id] = ['', '', memory.lastEventId];
  const take = (line: string): ServerEvent | undefined => {
    if (line === '') {
      memory.lastEventId = id; // only now: an event cut off before its blank line must be sent again
      const event = { id, type: type || 'message', data: data.slice(0, -1) };
      const isEmpty = data === '';
      [type, data] = ['', ''];
      return isEmpty ? undefined : event;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'data') data += `${value}\n`;
    else if (field === 'event') type = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
    else if (field === 'retry' && /^\d{1,6}$/.test(value)) memory.waitMs = Number(value);
    return undefined;
  };
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/); // a \r at the very end may be half of \r\n
    rest = lines.pop() ?? '';
    const events = lines.map(take).filter((event) => event !== undefined);
    if (rest.length + data.length > MAX_EVENT_CHARACTERS)
      throw new DataError('the event stream sent an event without end');
    return events;
  };
}
