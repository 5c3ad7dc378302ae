import { describe, expect, it } from 'vitest';
import { formatAge, formatBytes, formatSeconds, formatTable, printable } from '../../src/cli/table.ts';

describe('text for a terminal', () => {
  it('aligns columns and leaves no blanks at the ends of lines', () => {
    expect(
      formatTable([
        ['a', 'bb', 'c'],
        ['aaaa', '', ''],
      ]),
    ).toBe('a     bb  c\naaaa\n');
    expect(formatTable([])).toBe('');
  });

  it('leaves no character of a stored name that could steer the terminal or break the line', () => {
    expect(printable('a\u001b[31mred\u0007 b\nc\u202ed\u009b1m')).toBe('a�[31mred� b c�d�1m');
    expect(printable('70m, letzte 7 % – ∂')).toBe('70m, letzte 7 % – ∂');
  });

  it('tells durations, ages and sizes in words', () => {
    expect([0, 89, 90, 5_399, 5_400, 129_600].map(formatSeconds)).toEqual([
      ...['0 s', '89 s', '2 min', '90 min', '1.5 h', '1.5 days'],
    ]);
    expect(formatAge('2025-01-01T00:00:00Z', Date.parse('2025-01-01T00:00:30Z'))).toBe('30 s ago');
    expect(formatAge('2025-01-01T00:00:30Z', Date.parse('2025-01-01T00:00:00Z'))).toBe('0 s ago'); // clocks differ
    expect([formatAge(null), formatAge('nonsense')]).toEqual(['', '']);
    expect([999, 1e3, 999_400, 12e6, 3.44e9].map(formatBytes)).toEqual(['999 B', '1 kB', '999 kB', '12 MB', '3.4 GB']);
  });
});
