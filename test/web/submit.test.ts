import { execFileSync } from 'node:child_process';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { urlOption } from '../../src/cli/api-client.ts';
import { addSpecOptions, readSpec } from '../../src/cli/spec-options.ts';
import { cliCommand } from '../../src/web/cli-command.ts';
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

describe('the command line that submits a job', () => {
  /** What the command line itself makes of the command: parsed by its own options, and by a real shell before. */
  async function specOf(command: string): Promise<unknown> {
    const script = `tiresias() { shift; printf '%s\\0' "$@"; if [ "$1" = - ]; then cat; printf '\\0'; fi; }\n${command}`;
    const words = execFileSync('bash', ['-c', script]).toString('utf8').split('\0').slice(0, -1);
    if (words[0] === '-') return JSON.parse(words.at(-1) ?? '') as unknown;
    const submit = addSpecOptions(new Command()).addOption(urlOption()).exitOverride();
    submit.parse(words, { from: 'user' });
    return readSpec(undefined, submit.opts());
  }
  const job = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' };

  it.each([
    ['names alone', job],
    ['a name with signs of the shell', { ...job, name: `-it's "$HOME" \\ ü` }],
    [
      'all that has a flag',
      {
        ...{ ...job, window: { steps: 4 }, priority: -3, tags: ['a', 'b:c'] },
        intervention: { policy: 'neutral-v1', direction: 'neutral', probability: 0.25, per: 'occurrence', seed: 0 },
      },
    ],
    ['fields without a flag', { ...job, training: { gelu: 'erf' }, name: "it's\nJOB" }],
    ['values that no flag takes', { ...job, window: { to: 'soon' } }],
  ])('means the same job: %s', async (_, spec) => {
    expect(await specOf(cliCommand(spec, 'http://127.0.0.1:8642/'))).toEqual(spec);
    expect(await specOf(cliCommand(spec, 'http://there.example:9000/x/'))).toEqual(spec);
  });

  it('names the server only where it is not the usual one', () => {
    expect(cliCommand(job, 'http://127.0.0.1:8642/')).not.toContain('--url');
    expect(cliCommand(job, 'http://there.example/')).toContain("--url 'http://there.example/'");
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
