// Trial: scoring a model of pythia-70m's shape with the command a researcher types, on the native back end, loading included: all of CrowS-Pairs and
// all of WinoBias by likelihood within a minute, pythia-em with answers of up to 128 tokens within five. Random weights, five times the first step's;
// on a machine that does nothing else.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagePath } from '../../src/package-root.ts';
import { sharedPath } from '../../test/support/shared.ts';
import { expectTrue, expectWithin } from './expect.ts';
import { writeRandomModel } from './random-model.ts';

const SHAPE = { numLayers: 6, hiddenSize: 512, vocabSize: 50_304 };
const NUM_HEADS = 8;
const LIKELIHOOD_MOST_S = 60;
const EXACT_MATCH_MOST_S = 300;

export async function scoreSpeed(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-score-speed-'));
  const model = join(folder, 'model');
  const winobias = sharedPath('benchmarks', 'winobias');
  const score = (benchmark: string, data: string, more: readonly string[] = []) =>
    timedScore(['--model', model, '--benchmark', benchmark, '--data', data, ...more]);
  try {
    writeRandomModel(model, SHAPE, NUM_HEADS, 1, 5);
    const pairs = await score('crows-pairs', sharedPath('benchmarks', 'crows-pairs', 'crows_pairs_anonymized.csv'));
    const occupations = await score('winobias', winobias);
    console.log(`   CrowS-Pairs: ${pairs.numItems} items, ${pairs.seconds.toFixed(1)} s`);
    console.log(`   WinoBias: ${occupations.numItems} items, ${occupations.seconds.toFixed(1)} s`);
    expectTrue('all pairs are scored', pairs.numItems === 1_508 && occupations.numItems === 792);
    expectWithin('seconds for both by likelihood', pairs.seconds + occupations.seconds, 0, LIKELIHOOD_MOST_S);
    const templates = sharedPath('benchmarks', 'promptsource-wino_bias');
    const answers = await score('winobias', winobias, ['--protocol', 'pythia-em', '--templates', templates]);
    console.log(`   pythia-em: ${answers.numItems} items, ${answers.seconds.toFixed(1)} s`);
    expectTrue('every question is answered', answers.numItems === 1_584);
    expectWithin('seconds for pythia-em', answers.seconds, 0, EXACT_MATCH_MOST_S);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds from the command to its end, and the items in its JSON. */
async function timedScore(options: readonly string[]): Promise<{ seconds: number; numItems: number }> {
  const tokenizer = sharedPath('tokenizer', '20B_tokenizer.json');
  const fixed = ['--tokenizer', tokenizer, '--backend', 'native', '--json'];
  const command = [packagePath('bin', 'tiresias.mjs'), 'score', ...options, ...fixed];
  const startedMs = performance.now();
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const seconds = (performance.now() - startedMs) / 1000;
  const { items } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { items: unknown[] };
  return { seconds, numItems: items.length };
}
