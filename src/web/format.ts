// Figures as a reader sees them: rates in per cent, differences in points, real minus signs, one way to write each unit.
const MINUS = '\u2212';
const THIN = '\u202f';

export type Unit = 'rate' | 'nats' | 'number';

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

function decimals(value: number, digits: number): string {
  return value.toFixed(digits).replace('-', MINUS);
}

/** A count with grouped thousands. */
export function formatCount(value: number): string {
  return grouped.format(value);
}

/** A score in its unit: "98.8 %", "2.413 nats", "31.02". */
export function formatValue(value: number, unit: Unit): string {
  if (unit === 'rate') return `${decimals(100 * value, 1)}${THIN}%`;
  return unit === 'nats' ? `${decimals(value, 3)}${THIN}nats` : plain(value);
}

/** A difference of two scores, with its sign: "−48.9 points", "+0.120 nats". */
export function formatDifference(value: number | null, unit: Unit): string {
  if (value === null) return 'no difference known';
  const sign = value > 0 ? '+' : '';
  if (unit === 'rate') return `${sign}${decimals(100 * value, 1)}\u00a0points`;
  return `${sign}${unit === 'nats' ? `${decimals(value, 3)}${THIN}nats` : plain(value)}`;
}

/** The ends of an interval in the unit of its value, without repeating that unit; says so when there is none. */
export function formatInterval(interval: readonly [number, number] | null, unit: Unit): string {
  if (interval === null) return 'interval not estimable';
  const [low, high] = interval.map((end) =>
    unit === 'rate' ? decimals(100 * end, 1) : unit === 'nats' ? decimals(end, 3) : plain(end),
  );
  return `[${low},\u00a0${high}]`;
}

/** A p-value: "p < 0.001", "p = 0.034"; a test that was not made is said in words. */
export function formatP(p: number | null): string {
  if (p === null) return 'no test';
  return p < 0.001 ? 'p\u00a0<\u00a00.001' : `p\u00a0=\u00a0${p.toFixed(p < 0.1 ? 3 : 2)}`;
}

function plain(value: number): string {
  const size = Math.abs(value);
  return size >= 1000
    ? grouped.format(value).replace('-', MINUS)
    : decimals(value, size >= 100 ? 1 : size >= 1 ? 2 : 3);
}

/** A duration in its two largest units: "45 s", "2 min 5 s", "3 h 4 min", "2 d 1 h". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const units: [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => whole >= size);
  if (first === -1) return `0${THIN}s`;
  const parts = units.slice(first, first + 2).map(([size, name], place) => {
    const larger = place === 0 ? Infinity : (units[first]?.[0] ?? Infinity);
    return [Math.floor((whole % larger) / size), name] as const;
  });
  return parts
    .filter(([count], place) => place === 0 || count > 0)
    .map(([count, name]) => `${count}${THIN}${name}`)
    .join(' ');
}

/** How long ago a moment was, in its largest unit. */
export function formatAgo(at: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(at)) / 1000;
  if (seconds < 5) return 'just now';
  return `${formatDuration(seconds).split(' ')[0]}\u00a0ago`;
}

/** A moment in the reader's own time zone and language. */
export function formatMoment(at: string): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** An item's figure or its change, with a real minus: "−2.413". */
export function formatMargin(value: number | null): string {
  return value === null ? '–' : decimals(value, 3);
}

/** A learning rate: "1.06e−4". */
export function formatRate(rate: number): string {
  return rate === 0 ? '0' : rate.toExponential(2).replace('-', MINUS);
}

/** A size of files in its largest unit: "14.3 MB". */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const place = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** place;
  return `${value.toFixed(place === 0 || value >= 100 ? 0 : 1)}${THIN}${units[place]}`;
}

/** A moment of the day in the reader's own time zone: "18:04:31". */
export function formatTime(at: string): string {
  return new Date(at).toLocaleTimeString();
}
