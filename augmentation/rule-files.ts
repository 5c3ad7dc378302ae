// The rule data of the rewriter (augmentation/rules/*.json). JSON is not compiled into dist/, so it is read from the
// repository's folder, found by walking up from this file; the sources and the compiled program find the same files.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One example of a rule file: a text and what each direction makes of it; a direction left out leaves the text as it is. */
export interface RuleCase {
  readonly text: string;
  readonly swap?: string;
  readonly m2f?: string;
  readonly f2m?: string;
}

/** The absolute path of augmentation/rules. Throws when no folder above this file holds it. */
export function rulesFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'augmentation', 'rules'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`bug: no augmentation/rules above ${import.meta.dirname}`);
    folder = parent;
  }
  return join(folder, 'augmentation', 'rules');
}

/** The content of one rule file, for example `pronouns.json`. The files are ours: their shape is checked by their tests. */
export function readRuleFile<T>(name: string): T {
  return JSON.parse(readFileSync(join(rulesFolder(), name), 'utf8')) as T;
}

/** The bytes of one rule file. */
export function readRuleBytes(name: string): Buffer {
  // A copy of its own: small files come as slices of a shared pool, where 32-bit views need not be aligned.
  const bytes = readFileSync(join(rulesFolder(), name));
  return Buffer.from(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
