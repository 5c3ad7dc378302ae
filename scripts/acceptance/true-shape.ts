// Trials: models of pythia-14m's and pythia-70m's true shapes with random weights and the suite's own tokenizer go through a whole job, three
// arms and all, in under ten minutes. Everything is registered over HTTP, as a researcher's own files would be.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from '../../src/cli/up.ts';
import { writeIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import type { Item } from '../../src/eval/metrics.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { tellStories } from '../../src/suite/nano/stories.ts';
import { sharedPath } from '../../test/support/shared.ts';
import { expectTrue, expectWithin } from './expect.ts';
import { get, getScores, submit, waitForEnd } from './nano-job.ts';
import { writeRandomModel } from './random-model.ts';

interface Trial {
  readonly name: string;
  readonly shape: Parameters<typeof writeRandomModel>[1];
  readonly numHeads: number;
  readonly seqLength: number;
  readonly backend: 'wasm' | 'native';
  /** Which lines of the CSV of CrowS-Pairs are scored. */
  readonly isScored: (line: string, place: number) => boolean;
  readonly numPairs: number;
}

/** On wasm, the first hundred pairs. */
const TRIAL_14M: Trial = {
  ...{ name: 'random-14m', shape: { numLayers: 6, hiddenSize: 128, vocabSize: 50_304 }, numHeads: 4 },
  ...{ seqLength: 128, backend: 'wasm', isScored: (_, place) => place < 100, numPairs: 100 },
};

/** On native, all pairs about gender. */
const TRIAL_70M: Trial = {
  ...{ name: 'random-70m', shape: { numLayers: 6, hiddenSize: 512, vocabSize: 50_304 }, numHeads: 8 },
  ...{ seqLength: 512, backend: 'native', isScored: (line) => /,(anti)?stereo,gender,/.test(line), numPairs: 262 },
};

const BATCH_SIZE = 1_024;
const WINDOW = { from: 998, to: 1_000 } as const;
const ROWS_PER_STEP = 2;
const MOST_SECONDS = 600;

export const pythia14m = () => throughWholeJob(TRIAL_14M);
export const pythia70m = () => throughWholeJob(TRIAL_70M);

async function throughWholeJob(trial: Trial): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-true-shape-'));
  const home = join(folder, 'home');
  takeInPairs(home, trial);
  const registrations = makeFiles(folder, trial); // before the service runs in this process: making them blocks it
  const service = await startService({ host: '127.0.0.1', port: 0 }, 'error', home);
  try {
    const startedMs = performance.now();
    for (const { kind, body } of registrations) await register(service.url, kind, body);
    const id = await submit(service.url, specOf(trial));
    const job = await waitForEnd(service.url, id);
    const seconds = (performance.now() - startedMs) / 1000;
    expectTrue(`job succeeded (${job.message ?? 'nothing to add'})`, job.state === 'succeeded');
    await checkResult(service.url, id, trial.numPairs);
    expectWithin('seconds from the first registration to the last score', seconds, 0, MOST_SECONDS);
  } finally {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function specOf({ name, backend }: Trial): JobSpecInput {
  return {
    name: `acceptance: ${name}`,
    model: name,
    checkpoint: `step${WINDOW.from}`,
    dataset: 'stories-20b',
    window: { to: WINDOW.to },
    training: { rowsPerStep: ROWS_PER_STEP },
    evaluation: { benchmarks: ['some-pairs'], every: WINDOW.to - WINDOW.from, atStart: false },
    backend,
  };
}

/** Some pairs of CrowS-Pairs, under a name of their own. No sentence of theirs has a line break. */
function takeInPairs(home: string, { isScored, numPairs }: Trial): void {
  const [head, ...lines] = readFileSync(
    sharedPath('benchmarks', 'crows-pairs', 'crows_pairs_anonymized.csv'),
    'utf8',
  ).split('\n');
  const wanted = lines.filter(isScored);
  expectTrue(`${numPairs} pairs`, wanted.length === numPairs);
  const place = join(home, 'benchmarks', 'some-pairs');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'pairs.csv'), `${[head, ...wanted].join('\n')}\n`);
}

interface Registration {
  readonly kind: 'models' | 'datasets';
  readonly body: object;
}

function makeFiles(folder: string, { name, shape, numHeads, seqLength }: Trial): Registration[] {
  const tokenizer = sharedPath('tokenizer', '20B_tokenizer.json');
  const checkpoints = [WINDOW.from, WINDOW.to].map((step, i): Registration => {
    const checkpoint = `step${step}`;
    const place = join(folder, checkpoint);
    writeRandomModel(place, shape, numHeads, i + 1);
    return { kind: 'models', body: { name, checkpoint, folder: place, tokenizer } };
  });
  const prefix = join(folder, 'stories');
  writeIndexedDataset(prefix, rows(tokenizer, seqLength), 'uint16');
  const description = { layout: 'preshuffled', seqLength, batchSize: BATCH_SIZE };
  return [...checkpoints, { kind: 'datasets', body: { name: 'stories-20b', prefix, ...description } }];
}

async function register(url: string, kind: Registration['kind'], body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/${kind}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (response.status !== 201) throw new Error(`registering answered ${response.status}: ${await response.text()}`);
}

// Rows of all steps to the window's end, as a token file has them. Those that the job reads hold stories; the others, one filler.
function* rows(tokenizerPath: string, seqLength: number): Generator<ArrayLike<number>> {
  const read = packedStories(tokenizerPath, seqLength);
  const filler = new Uint16Array(seqLength + 1);
  for (let row = 0; row < WINDOW.to * BATCH_SIZE; row++) {
    const isRead = row >= WINDOW.from * BATCH_SIZE && row % BATCH_SIZE < ROWS_PER_STEP;
    yield isRead ? read.next().value : filler;
  }
}

function* packedStories(tokenizerPath: string, seqLength: number): Generator<number[], never> {
  const { encode } = readTokenizer(tokenizerPath);
  const stories = tellStories(1);
  let ids: number[] = [];
  for (;;) {
    while (ids.length <= seqLength) ids.push(...encode(stories.next().value.text), 0);
    yield ids.slice(0, seqLength + 1);
    ids = ids.slice(seqLength);
  }
}

async function checkResult(url: string, id: string, numPairs: number): Promise<void> {
  const { scores } = await getScores(url, id);
  const rates = scores.filter(({ metric }) => metric === 'pctStereotype');
  for (const arm of ['published', 'control', 'intervention']) {
    const rate = rates.find((score) => score.arm === arm && score.step === WINDOW.to);
    const [low, high] = rate?.interval ?? [];
    console.log(`   ${arm}: stereotype rate ${rate?.value.toFixed(3)} [${low?.toFixed(3)}, ${high?.toFixed(3)}]`);
    expectTrue(`${arm}: scored on ${numPairs} pairs`, rate?.numItems === numPairs);
  }
  const items = await Promise.all(['published', 'control', 'intervention'].map((arm) => likelihoods(url, id, arm)));
  expectTrue('the arms are three models', new Set(items).size === items.length);
  const { totals } = await get<{ totals: { numEdits: number } }>(`${url}/v1/jobs/${id}/edits?arm=intervention`);
  expectTrue(`pronouns were rewritten (${totals.numEdits} edits)`, totals.numEdits > 0);
  const { arms } = await get<{ arms: Record<string, { step: number[]; lossNats: number[] }> }>(
    `${url}/v1/jobs/${id}/metrics`,
  );
  for (const arm of ['control', 'intervention']) {
    const losses = arms[arm]?.lossNats ?? [];
    // Random weights know nothing: the first loss is near the logarithm of the vocabulary.
    expectWithin(`${arm}: first loss, nats`, losses[0] ?? NaN, 10, 11.5);
    expectWithin(`${arm}: second loss, nats`, losses[1] ?? NaN, 5, 11.5);
    expectTrue(`${arm}: two steps`, losses.length === WINDOW.to - WINDOW.from);
  }
}

async function likelihoods(url: string, id: string, arm: string): Promise<string> {
  const query = new URLSearchParams({
    arm,
    step: String(WINDOW.to),
    benchmark: 'some-pairs',
    protocol: 'likelihood',
  });
  const { items } = await get<{ items: Item[] }>(`${url}/v1/jobs/${id}/items?${query}`);
  console.log(
    `   ${arm}: first pairs, nats ${JSON.stringify(items.slice(0, 3).map((item) => [item.logLikelihood, item.numTokens]))}`,
  );
  return JSON.stringify(items.map((item) => item.logLikelihood));
}
