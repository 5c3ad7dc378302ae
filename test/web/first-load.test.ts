import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { expect, it } from 'vitest';
import { packagePath } from '../../src/package-root.ts';

const MOST_BYTES = 100_000;

function chunksOf(output: Rolldown.RolldownOutput): Map<string, Rolldown.OutputChunk> {
  const chunks = output.output.filter((file) => file.type === 'chunk');
  return new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
}

/** A chunk and all that the browser must have before it runs. */
function withImports(name: string, chunks: ReadonlyMap<string, Rolldown.OutputChunk>): Set<string> {
  const needed = new Set([name]);
  for (const one of needed) for (const imported of chunks.get(one)?.imports ?? []) needed.add(imported);
  return needed;
}

it('fetches less than 100 kB of script, gzipped, before the first view, and no view with the frame', async () => {
  const built = await build({ configFile: packagePath('vite.config.ts'), logLevel: 'warn', build: { write: false } });
  if (Array.isArray(built) || !('output' in built)) throw new Error('expected one bundle');
  const chunks = chunksOf(built);
  const entry = [...chunks.values()].find(({ isEntry }) => isEntry);
  if (entry === undefined) throw new Error('the bundle has no entry');
  const frame = withImports(entry.fileName, chunks);
  const sizeOf = (names: Iterable<string>) =>
    [...names].reduce((sum, name) => sum + gzipSync(chunks.get(name)?.code ?? '').length, 0);
  expect(sizeOf(frame)).toBeGreaterThan(3_000); // it was measured
  expect(entry.dynamicImports.length).toBeGreaterThanOrEqual(4);
  for (const view of entry.dynamicImports) {
    expect(frame).not.toContain(view);
    const all = new Set([...frame, ...withImports(view, chunks)]);
    expect(sizeOf(all), `${view} with the frame`).toBeLessThan(MOST_BYTES);
  }
}, 60_000);
