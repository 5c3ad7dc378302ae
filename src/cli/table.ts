// Text for a terminal: aligned columns, durations, and strings from outside without control characters.

/** The rows as aligned columns, one line each, without trailing blanks. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const numColumns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: numColumns }, (_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** Named figures, one a line, numbers to five digits. */
export function formatFigures(result: Readonly<Record<string, string | number>>): string {
  const width = Math.max(...Object.keys(result).map((key) => key.length));
  return Object.entries(result)
    .map(
      ([key, value]) => `${key.padEnd(width)}  ${typeof value === 'number' ? Number(value.toPrecision(5)) : value}\n`,
    )
    .join('');
}

/** The text in one line, without the control characters with which a stored name could steer a terminal. */
export function printable(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/\p{Cc}|\p{Cf}/gu, '�');
}

/** A duration in words: 45 s, 12 min, 3.2 h, 2.0 days. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129_600 ? `${(seconds / 3_600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`;
}

/** A size in words: 640 B, 12 MB, 3.4 GB (powers of 1,000). */
export function formatBytes(numBytes: number): string {
  if (numBytes < 1e6) return numBytes < 1e3 ? `${numBytes} B` : `${Math.round(numBytes / 1e3)} kB`;
  return numBytes < 1e9 ? `${Math.round(numBytes / 1e6)} MB` : `${(numBytes / 1e9).toFixed(1)} GB`;
}

/** How long ago an ISO 8601 moment was, in words; empty for null. */
export function formatAge(moment: string | null, nowMs: number = Date.now()): string {
  const atMs = moment === null ? NaN : Date.parse(moment);
  return Number.isNaN(atMs) ? '' : `${formatSeconds(Math.max(0, nowMs - atMs) / 1000)} ago`;
}
