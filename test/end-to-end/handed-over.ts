// The tests of a finished job that hand it to other programs, by the commands against the real server. They are part of road.test.ts, whose job they use.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readModelConfig } from '../../src/model/config.ts';
import { tiresias } from '../cli/command.ts';
import type { FinishedJob } from './repeated.ts';

/** Registers the tests. */
export function testHandover(find: () => Promise<FinishedJob>): void {
  it('is handed to transformers with a card, to lm-evaluation-harness’s readers and to TensorBoard', async () => {
    const { service, id, steps } = await find();
    const to = (name: string) => join(service.home, `handed-${name}`);
    const run = (format: string, ...more: string[]) =>
      tiresias(['export', format, id, '--to', to(format), '--url', service.url, ...more]);
    const outcomes = await Promise.all([run('hugging-face', '--step', '1332'), run('lm-eval'), run('tensorboard')]);
    expect(outcomes.map(({ code, stderr }) => [code, stderr])).toEqual(Array(3).fill([0, '']));

    const card = readFileSync(join(to('hugging-face'), 'README.md'), 'utf8');
    const own = steps.filter(({ arm, step }) => arm === 'intervention' && step < 1332);
    const numEdits = own.reduce((sum, step) => sum + step.num_edits, 0);
    expect(card).toContain(`${numEdits.toLocaleString('en')} words in `);
    expect(readModelConfig(join(to('hugging-face'), 'config.json')).hiddenSize).toBe(128);
    const [checkpoint] = (
      await service.get<{ checkpoints: Checkpoint[] }>(`/jobs/${id}/checkpoints`)
    ).checkpoints.filter(({ arm, step }) => arm === 'intervention' && step === 1332);
    expect(card).toContain(checkpoint!.manifestSha256);
    expect(existsSync(join(to('hugging-face'), 'model.safetensors'))).toBe(true);

    const { scores } = await service.get<{ scores: Score[] }>(`/jobs/${id}/scores`);
    for (const { arm, step, benchmark, protocol, metric, value } of scores) {
      const path = join(to('lm-eval'), `results_${arm}-step${step}.json`);
      const { results } = JSON.parse(readFileSync(path, 'utf8')) as Results;
      expect(results[`${benchmark}/${protocol}`]![`${metric},none`]).toBe(value);
    }
    expect(existsSync(join(to('tensorboard'), 'control'))).toBe(true);
  });
}

interface Checkpoint {
  readonly arm: string;
  readonly step: number;
  readonly manifestSha256: string;
}

interface Score {
  readonly arm: string;
  readonly step: number;
  readonly benchmark: string;
  readonly protocol: string;
  readonly metric: string;
  readonly value: number | null;
}

interface Results {
  readonly results: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
