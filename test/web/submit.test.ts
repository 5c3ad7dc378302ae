import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { curlCommand } from '../../src/web/curl.ts';
import { checkpointNames, firstSpec, withModel } from '../../src/web/first-spec.ts';
import { diffWords } from '../../src/web/word-diff.ts';

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
  const models = [
    { name: 'nano-1m', checkpoints: [{ step: 1430 }, { name: 'step1330' }, 'step1130'] },
    { name: 'pythia-70m', checkpoints: ['step143000', 'step133000', 'step1000'], dataset: 'pile' },
  ];

  it('holds the first model, the checkpoint before its last 7 %, and a dataset', () => {
    expect(checkpointNames(models[0]!)).toEqual(['step1130', 'step1330', 'step1430']); // two models
    expect(firstSpec(models, [{ name: 'nano-stories' }])).toEqual({
      model: 'nano-1m',
      checkpoint: 'step1330',
      dataset: 'nano-stories',
    });
    expect(firstSpec([], [])).toEqual({});
  });

  it('follows the model with checkpoint and dataset', () => {
    const spec = firstSpec(models, [{ name: 'nano-stories' }]);
    expect(withModel(spec, models, 'pythia-70m')).toEqual({
      model: 'pythia-70m',
      checkpoint: 'step133000',
      dataset: 'pile',
    });
  });
});

describe('marked edits', () => {
  it('give back both texts, with equal unchanged words', () => {
    const word = fc.constantFrom('he', 'she', 'his', ' ', ', ', 'roof', '“', "He's", 'É');
    const text = fc.array(word, { maxLength: 14 }).map((words) => words.join(''));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const pieces = diffWords(before, after);
        const join = (side: readonly { text: string }[]) => side.map(({ text: part }) => part).join('');
        const kept = (side: readonly { text: string; isChanged: boolean }[]) =>
          join(side.filter(({ isChanged }) => !isChanged));
        expect(join(pieces.before)).toBe(before);
        expect(join(pieces.after)).toBe(after);
        expect(kept(pieces.before)).toBe(kept(pieces.after));
      }),
    );
  });

  it('mark the pronouns and nothing else', () => {
    const { before, after } = diffWords('said he would mend his roof', 'said she would mend her roof');
    const changed = (side: typeof before) => side.filter(({ isChanged }) => isChanged).map(({ text }) => text);
    expect(changed(before)).toEqual(['he', 'his']);
    expect(changed(after)).toEqual(['she', 'her']);
  });
});
