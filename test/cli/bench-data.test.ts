// `tiresias bench replay` and `bench index`, in short forms: their figures are there, and replay is faster than any training needs.
import { Command } from 'commander';
import { afterEach, expect, it, vi } from 'vitest';
import { addDataBenches } from '../../src/cli/bench-replay.ts';

afterEach(() => vi.restoreAllMocks());

function bench(...words: string[]): Record<string, number> {
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const program = new Command();
  addDataBenches(program);
  program.parse([...words, '--json'], { from: 'user' });
  return JSON.parse(written.join('')) as Record<string, number>;
}

it('replays at least 50 million tokens a second from a warm file, in both layouts', () => {
  const figures = bench('replay', '--batches', '4', '--batch-size', '512');
  expect(figures['memcpyTokensPerSecond']).toBeGreaterThan(50e6);
  // Measured on an idle machine: 1,200 and 300 million; a busy one must not fail.
  expect(figures['preshuffledTokensPerSecond']).toBeGreaterThan(50e6);
  expect(figures['documentsTokensPerSecond']).toBeGreaterThan(50e6);
});

it('opens a corpus that it made up, builds its index arrays, and opens them again unchecked and checked', () => {
  const figures = bench('index', '--documents', '300000', '--train-steps', '200');
  expect(figures).toMatchObject({ documents: 300_000, numTokens: 37_500 * 12_592 });
  const { buildSeconds = 0, reopenSeconds = Infinity, checkSeconds = 0, peakRssBuildingBytes = 0 } = figures;
  expect(reopenSeconds).toBeLessThan(Math.min(buildSeconds, checkSeconds));
  expect(peakRssBuildingBytes).toBeGreaterThan(1e7);
});
