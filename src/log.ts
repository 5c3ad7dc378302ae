// One JSON log line per event, on stderr so that a command's result alone is on stdout; on a terminal one line of words. No line holds a secret: what the
// environment names as one, and what looks like one, is taken out of the finished line, whoever logged it.
import { destination, pino } from 'pino';
import { logLevel, secretValues } from './settings.ts';

/** pino's numbers. */
export const LOG_LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;
export type LogLevel = keyof typeof LOG_LEVELS;

const HIDDEN = '[redacted]';
const SECRET_FIELDS = 'authorization|proxy-authorization|cookie|set-cookie|x-csrf-token|password|token|secret';
const LOOKS: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`"(${SECRET_FIELDS})":"(?:[^"\\\\]|\\\\.)*"`, 'gi'), `"$1":"${HIDDEN}"`],
  [/\b(Bearer|Basic) +[\w.~+/-]{6,}=*/gi, `$1 ${HIDDEN}`],
  [/(\w:\/\/[^\s:@/"]*):[^\s@/"]+@/g, `$1:${HIDDEN}@`],
  [/([?&;](?:[\w-]*(?:signature|token|secret|password|credential))=)[^&\s"]+/gi, `$1${HIDDEN}`],
  [/\b(tiresias_session=)[^;\s"]+/g, `$1${HIDDEN}`],
  [/\btiresias_[\w-]{43}(?![\w-])/g, HIDDEN],
  [/\bhf_[A-Za-z0-9]{16,}/g, HIDDEN],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, HIDDEN], // JSON web tokens, Slurm's for one
];

const KNOWN = secretValues()
  .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])
  .sort((a, b) => b.length - a.length); // one may be part of another

/** The text without the secrets of this process's environment, and without what looks like one. */
export function redacted(text: string): string {
  const without = KNOWN.reduce((rest, value) => rest.replaceAll(value, HIDDEN), text);
  return LOOKS.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), without);
}

const listeners = new Set<(line: string) => void>();
const output = destination(2);
const stream = {
  write(line: string) {
    const clean = redacted(line);
    output.write(process.stderr.isTTY ? inWords(clean) : clean);
    for (const listener of listeners) listener(clean);
  },
};

export const log = pino(
  {
    ...{ level: logLevel(), timestamp: pino.stdTimeFunctions.isoTime },
    formatters: { level: (label) => ({ level: label }) },
  },
  stream,
);

/** Hands every line of this process, without secrets, to `listener` too. Returns how to stop. */
export function onLogLine(listener: (line: string) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** `12:00:00 warn  the words  key=value …`. */
function inWords(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const at = new Date(String(time)).toLocaleTimeString('en-GB');
  const fields = Object.entries(rest)
    .filter(([key]) => key !== 'pid' && key !== 'hostname') // whoever sits here knows
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const words = [at, String(level).padEnd(5), String(msg ?? ''), ...fields].join(' ');
  return `${words.replaceAll(/[^\P{Cc}\n\t]/gu, '�')}\n`;
}
