// What the catalog tells of models that are and are not here.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openCatalog } from '../../src/catalog.ts';
import { jobSpecSchema, type JobSpecInput } from '../../src/job-spec.ts';
import { packagePath } from '../../src/package-root.ts';
import { registerModel } from '../../src/suite/models.ts';
import { nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';

const home = mkdtempSync(join(tmpdir(), 'tiresias-registry-'));
afterAll(() => rmSync(home, { recursive: true }));

function faultsOf(model: string, checkpoint: string) {
  return openCatalog(home).checkSpec(jobSpecSchema.parse({ model, checkpoint, dataset: 'nano-stories' }));
}

describe('a job that names a model of the suite', () => {
  it('is told how to fetch it when nothing of it is here', () => {
    const [fault] = faultsOf('pythia-70m-deduped', 'step133000');
    expect(fault).toEqual({
      pointer: '/model',
      detail: expect.stringContaining('`tiresias models pull pythia-70m-deduped --checkpoint step133000`'),
    });
  });

  it('is told that raw training state has to be imported', () => {
    expect(faultsOf('neox-ckpt-pythia-70m', 'step1000')[0]?.detail).toContain('`tiresias checkpoint import`');
  });

  it('is told the command for a checkpoint that is not here, and only for one that was published', () => {
    const folder = join(home, 'step1000');
    cpSync(packagePath('suite', 'nano', 'nano-1m-seed1', 'step1130'), folder, { recursive: true });
    registerModel(home, { name: 'pythia-70m-deduped', step: 1000, folder, tokenizerPath: nanoTokenizerPath() });
    const [published] = faultsOf('pythia-70m-deduped', 'step2000');
    expect(published).toEqual({
      pointer: '/checkpoint',
      detail: expect.stringContaining('`tiresias models pull pythia-70m-deduped --checkpoint step2000`; the nearest is step1000'),
    });
    expect(faultsOf('pythia-70m-deduped', 'step2001')[0]?.detail).not.toContain('pull');
  });

  it('finds those that are here first, with the dataset only where it is registered', () => {
    const models = openCatalog(home).models();
    expect(models.slice(0, 3)).toMatchObject([
      { name: 'nano-1m', family: 'nano-1m', seed: 1, isHere: true, dataset: 'nano-stories' },
      { name: 'pythia-70m-deduped', isHere: true, dataset: null, trainedOn: 'pile-deduped-preshuffled' },
      { name: 'pythia-14m', isHere: false, numParameters: 14_067_712, numPublished: 154, checkpoints: [] },
    ]);
    expect(models.filter(({ name }) => name === 'pythia-70m-deduped')).toHaveLength(1);
  });
});

describe('models of one family', () => {
  it('are seeds of one nano size, and own models that say so', () => {
    const config = packagePath('suite', 'nano', 'nano-1m-seed1', 'config.json');
    cpSync(config, join(home, 'suite', 'nano-1m-seed3', 'config.json'));
    const folder = join(home, 'own');
    cpSync(packagePath('suite', 'nano', 'nano-1m-seed1', 'step1130'), folder, { recursive: true });
    const own = { step: 1000, folder, tokenizerPath: nanoTokenizerPath(), peakLearningRate: 1e-3 };
    registerModel(home, { ...own, name: 'mine-5', family: 'mine', seed: 5, dataset: 'my-rows' });
    registerModel(home, { ...own, name: 'mine-5', step: 2000 }); // keeps what was said before
    registerModel(home, { ...own, name: 'alone' });
    const found = openCatalog(home).models();
    const familyOf = (name: string) => found.find((model) => model.name === name);
    expect(familyOf('nano-1m-seed3')).toMatchObject({ family: 'nano-1m', seed: 3 });
    expect(familyOf('mine-5')).toMatchObject({ family: 'mine', seed: 5, trainedOn: 'my-rows' });
    expect(familyOf('alone')).toMatchObject({ family: 'alone', seed: null });
    expect(() => registerModel(home, { ...own, name: 'more', family: 'mine' })).toThrow(/give the seed, too/);
  });
});

describe('a job that no memory of its back end could hold', () => {
  it('is refused at the field that makes it so, with what would fit', () => {
    const folder = join(home, 'large');
    cpSync(packagePath('suite', 'nano', 'nano-1m-seed1', 'step1130'), folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    const large = { ...config, hidden_size: 1024, intermediate_size: 4096, num_attention_heads: 16, num_hidden_layers: 10 };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(large));
    registerModel(home, { name: 'large', step: 1000, folder, tokenizerPath: nanoTokenizerPath(), peakLearningRate: 1e-3 });
    const job = { model: 'large', checkpoint: 'step1000', dataset: 'nano-stories', window: { steps: 1 } };
    const faults = (training: JobSpecInput['training']) =>
      openCatalog(home).checkSpec(jobSpecSchema.parse({ ...job, backend: 'wasm', training, evaluation: { benchmarks: [] } }));
    expect(faults({})).toEqual([]);
    expect(faults({ microBatchSize: 16, recompute: 'none' })).toEqual([
      {
        pointer: '/training/microBatchSize',
        detail: expect.stringMatching(/^microBatchSize 16 .* would need 3\.\d GB of the 3\.2 GB .*; microBatchSize \d+ \(/),
      },
    ]);
  });
});
