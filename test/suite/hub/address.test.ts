// Addresses of files on a hub, and names that must not be believed.
import fc from 'fast-check';
import { isAbsolute, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError, InputError } from '../../../src/errors.ts';
import { checkFileName, hubFileUrl, parseHubAddress } from '../../../src/suite/hub/address.ts';

describe('a file’s URL', () => {
  it.each([
    ['models', 'EleutherAI/pythia-70m', 'step1000', 'config.json', '/EleutherAI/pythia-70m/resolve/step1000/config.json'],
    ['datasets', 'org/data', 'main', 'a/b 1.bin', '/datasets/org/data/resolve/main/a/b%201.bin'],
    ['datasets', 'org/data', 'refs/pr/1', 'x?y#z', '/datasets/org/data/resolve/refs%2Fpr%2F1/x%3Fy%23z'],
  ] as const)('of %s %s at %s: %s', (kind, repo, revision, path, expected) => {
    expect(hubFileUrl({ kind, repo, revision, path }, 'https://hub.example')).toBe(`https://hub.example${expected}`);
  });
});

describe('an hf:// address', () => {
  it.each([
    ['hf://datasets/org/data/a/b.bin', { kind: 'datasets', repo: 'org/data', revision: 'main', path: 'a/b.bin' }],
    ['hf://org/model@step7/config.json', { kind: 'models', repo: 'org/model', revision: 'step7', path: 'config.json' }],
    ['hf://models/org/m@refs%2Fpr%2F1/x', { kind: 'models', repo: 'org/m', revision: 'refs/pr/1', path: 'x' }],
  ])('%s', (text, expected) => {
    expect(parseHubAddress(text)).toEqual(expected);
  });

  it.each(['hf://org', 'hf://org/model', 'https://x/y/z', 'hf://datasets/o/r/../x', 'hf://o/r@%zz/x', 'hf://o o/r/x', 'hf://o/r//x'])(
    'is not %s',
    (text) => {
      expect(() => parseHubAddress(text)).toThrow(InputError);
    },
  );
});

describe('a name that is believed', () => {
  it('stays below its folder, whatever it is made of', () => {
    const part = fc.constantFrom('..', '.', '', 'a', 'b.bin', '/', '\\', ' ', '...', 'C:', '\0', '~', '%2e%2e');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.constantFrom('/', '', '\\'), (parts, separator) => {
        const name = parts.join(separator);
        try {
          checkFileName(name, 'listing');
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
          return;
        }
        expect(isAbsolute(name)).toBe(false);
        expect(resolve('/root', name).startsWith('/root/')).toBe(true);
      }),
      { numRuns: 1000, seed: 1 },
    );
  });

  it('may be any usual one', () => {
    for (const name of ['config.json', 'global_step100/mp_rank_00_model_states.pt', 'a b.txt', '.gitattributes', '...x']) {
      expect(checkFileName(name, 'listing')).toBe(name);
    }
  });
});
