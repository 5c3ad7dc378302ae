import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { curlCommand } from '../../src/web/curl.ts';
import { checkpointNames, firstSpec, withModel } from '../../src/web/first-spec.ts';

/** What a real shell hands to curl. */
function argumentsOf(command: string): string[] {
  const printed = execFileSync('bash', ['-c', `curl() { printf '%s\\0' "$@"; }\n${command}`]).toString('utf8');
  return printed.split('\0').slice(0, -1);
}

describe('the command that submits a job', () => {
  it('hands the whole spec to curl, whatever its name holds', () => {
    const spec = { name: `it's "$HOME" \`x\` \\ ! \n ü`, model: 'nano-1m', window: { to: 1430 } };
    const given = argumentsOf(curlCommand(spec, 'http://localhost:8642/v1/jobs'));
    expect(given.slice(0, 4)).toEqual([
      '--fail-with-body',
      'http://localhost:8642/v1/jobs',
      '--header',
      'content-type: application/json',
    ]);
    expect(JSON.parse(given.at(-1) ?? '')).toEqual(spec);
  });
});

describe('an untouched form', () => {
  const at = (...steps: number[]) => steps.map((step) => ({ checkpoint: `step${step}` }));
  const models = [
    { name: 'nano-1m', endStep: 1430, checkpoints: at(1430, 1330, 1130) },
    { name: 'pythia-70m', endStep: 143_000, checkpoints: at(143_000, 133_000, 1_000), dataset: 'pile' },
    { name: 'only-the-end', endStep: 100, checkpoints: at(100) },
    { name: 'pythia-31m', endStep: 143_000, checkpoints: at(143_000, 133_000), dataset: null },
  ];

  it('holds the first model, the checkpoint before its last 7 %, and a dataset', () => {
    expect(checkpointNames(models[0]!)).toEqual(['step1130', 'step1330', 'step1430']); // three models
    expect(firstSpec(models, [{ name: 'nano-stories' }])).toEqual({
      model: 'nano-1m',
      checkpoint: 'step1330',
      dataset: 'nano-stories',
    });
    expect(firstSpec([], [])).toEqual({});
    expect(firstSpec(models.slice(2), [])).toEqual({ model: 'only-the-end' });
  });

  it('follows the model with checkpoint and dataset', () => {
    const spec = firstSpec(models, [{ name: 'nano-stories' }]);
    expect(withModel(spec, models, 'pythia-31m')['dataset']).toBe(spec['dataset']); // the server knows no dataset of it
    expect(withModel(spec, models, 'pythia-70m')).toEqual({
      model: 'pythia-70m',
      checkpoint: 'step133000',
      dataset: 'pile',
    });
  });
});
