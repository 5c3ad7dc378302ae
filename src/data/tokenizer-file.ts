// Checks a Hugging Face tokenizer.json (tokenizers 0.13 to 0.23) and takes from it what a byte-level BPE needs. Part of the tokenizer.
// What the file asks for and tokenizer.ts does not do is refused by name, because ids would differ without a word.
import { readFileSync, statSync } from 'node:fs';
import { DataError, messageOf } from '../errors.ts';
import { Merges } from './byte-pair.ts';

const MOST_FILE_BYTES = 2 ** 28;
const MOST_TOKENS = 2 ** 21; // several times the largest vocabulary known

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Whether it is matched in the normalized text, after those that are not were cut out of the raw text. */
  readonly normalized: boolean;
  readonly special: boolean;
}

export interface TokenizerFile {
  readonly normalizer: 'NFC' | null;
  readonly addedTokens: readonly AddedToken[];
  /** Id by symbols (see byteSymbols). */
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly merges: Merges;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads and checks a file. Throws DataError naming the file, the field, what was expected and what was found. */
export function readTokenizerFile(path: string): TokenizerFile {
  const file = new Checker(path, readJson(path));
  file.only('', [
    'version',
    'truncation',
    'padding',
    'added_tokens',
    'normalizer',
    'pre_tokenizer',
    'post_processor',
    'decoder',
    'model',
  ]);
  file.oneOf('truncation', [null, undefined]);
  file.oneOf('padding', [null, undefined]);
  const normalizer = file.value('normalizer') ?? null;
  if (normalizer !== null) {
    file.only('normalizer', ['type']);
    file.oneOf('normalizer.type', ['NFC']);
  }
  checkByteLevel(file, 'pre_tokenizer', false);
  checkByteLevel(file, 'decoder', true);
  // The post-processor trims offsets only, which we do not give.
  if ((file.value('post_processor') ?? null) !== null) checkByteLevel(file, 'post_processor', true);
  checkModel(file);
  const vocabulary = readVocabulary(file);
  const addedTokens = readAddedTokens(file, vocabulary);
  return {
    normalizer: normalizer === null ? null : 'NFC',
    addedTokens,
    vocabulary,
    merges: readMerges(file, vocabulary),
  };
}

function readJson(path: string): unknown {
  try {
    const { size } = statSync(path);
    if (size > MOST_FILE_BYTES)
      throw new DataError(`${path}: expected at most ${MOST_FILE_BYTES} bytes, found ${size}`);
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: expected a tokenizer.json of Hugging Face: ${messageOf(error)}`, { cause: error });
  }
}

class Checker {
  readonly path: string;
  readonly root: unknown;

  constructor(path: string, root: unknown) {
    this.path = path;
    this.root = root;
  }

  fail(field: string, expected: string, found: unknown): never {
    const text = found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 80);
    throw new DataError(
      `${this.path}: ${field === '' ? 'the whole' : `"${field}"`}: expected ${expected}, found ${text}`,
    );
  }

  /** The value of a dotted field. */
  value(field: string): unknown {
    let value: unknown = this.root;
    for (const part of field.split('.'))
      value = isFields(value) && Object.hasOwn(value, part) ? value[part] : undefined;
    return value;
  }

  fields(field: string): Fields {
    const value = field === '' ? this.root : this.value(field);
    return isFields(value) ? value : this.fail(field, 'an object', value);
  }

  only(field: string, known: readonly string[]): void {
    for (const name of Object.keys(this.fields(field))) {
      if (!known.includes(name)) {
        throw new DataError(
          `${this.path}: "${field === '' ? name : `${field}.${name}`}": this option is not supported; only ${known.join(', ')} are`,
        );
      }
    }
  }

  oneOf(field: string, values: readonly unknown[]): void {
    const found = this.value(field);
    if (values.includes(found)) return;
    const expected = values.filter((v) => v !== undefined).map((v) => JSON.stringify(v));
    this.fail(field, `${expected.join(' or ')} (nothing else is supported)`, found);
  }

  list(field: string): readonly unknown[] {
    const value = this.value(field);
    return Array.isArray(value) ? (value as unknown[]) : this.fail(field, 'a list', value);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkByteLevel(file: Checker, field: string, mayPrefixSpace: boolean): void {
  file.fields(field);
  file.oneOf(`${field}.type`, ['ByteLevel']);
  file.only(field, ['type', 'add_prefix_space', 'trim_offsets', 'use_regex']);
  // Only the pre-tokenizer's own flags change ids.
  file.oneOf(`${field}.add_prefix_space`, mayPrefixSpace ? [false, true, undefined] : [false]);
  file.oneOf(`${field}.use_regex`, mayPrefixSpace ? [false, true, undefined] : [true, undefined]);
}

function checkModel(file: Checker): void {
  file.oneOf('model.type', ['BPE']);
  file.only('model', [
    'type',
    'dropout',
    'unk_token',
    'continuing_subword_prefix',
    'end_of_word_suffix',
    'fuse_unk',
    'byte_fallback',
    'ignore_merges',
    'vocab',
    'merges',
  ]);
  file.oneOf('model.dropout', [null, 0, undefined]);
  file.oneOf('model.unk_token', [null, undefined]);
  file.oneOf('model.continuing_subword_prefix', [null, '', undefined]);
  file.oneOf('model.end_of_word_suffix', [null, '', undefined]);
  for (const flag of ['fuse_unk', 'byte_fallback', 'ignore_merges']) file.oneOf(`model.${flag}`, [false, undefined]);
}

function readVocabulary(file: Checker): Map<string, number> {
  const vocabulary = new Map<string, number>();
  const ids = new Set<number>();
  for (const [symbols, id] of Object.entries(file.fields('model.vocab'))) {
    if (!isId(id)) file.fail('model.vocab', `an id below ${MOST_TOKENS} for "${symbols}"`, id);
    if (ids.has(id)) file.fail('model.vocab', `an id of its own for "${symbols}"`, id);
    ids.add(id);
    vocabulary.set(symbols, id);
  }
  return vocabulary;
}

function readAddedTokens(file: Checker, vocabulary: ReadonlyMap<string, number>): AddedToken[] {
  const ids = new Map([...vocabulary].map(([symbols, id]) => [id, symbols]));
  return file.list('added_tokens').map((token, i) => {
    const field = `added_tokens[${i}]`;
    if (!isFields(token)) return file.fail(field, 'an object', token);
    const { id, content, normalized = true, special = false } = token;
    if (!isId(id)) return file.fail(`${field}.id`, `an id below ${MOST_TOKENS}`, id);
    if (typeof content !== 'string' || content === '') return file.fail(`${field}.content`, 'a text', content);
    if (typeof normalized !== 'boolean') return file.fail(`${field}.normalized`, 'true or false', normalized);
    if (typeof special !== 'boolean') return file.fail(`${field}.special`, 'true or false', special);
    for (const flag of ['single_word', 'lstrip', 'rstrip']) {
      if ((token[flag] ?? false) !== false)
        file.fail(`${field}.${flag}`, 'false (nothing else is supported)', token[flag]);
    }
    const other = ids.get(id);
    if (other !== undefined && other !== content) file.fail(`${field}.id`, `an id that "${other}" does not have`, id);
    const idInVocabulary = vocabulary.get(content);
    if (idInVocabulary !== undefined && idInVocabulary !== id)
      file.fail(`${field}.id`, `${idInVocabulary}, as in model.vocab`, id);
    ids.set(id, content);
    return { id, content, normalized, special };
  });
}

function readMerges(file: Checker, vocabulary: ReadonlyMap<string, number>): Merges {
  const list = file.list('model.merges');
  if (list.length > MOST_TOKENS) file.fail('model.merges', `at most ${MOST_TOKENS} merges`, list.length);
  const merges = new Merges(list.length);
  for (const [rank, merge] of list.entries()) {
    const field = `model.merges[${rank}]`;
    const parts: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
    const [left, right] = parts;
    if (parts.length !== 2 || typeof left !== 'string' || typeof right !== 'string') {
      return file.fail(field, 'a pair of symbols, "a b" or ["a", "b"]', merge);
    }
    const leftId = vocabulary.get(left);
    const rightId = vocabulary.get(right);
    const result = vocabulary.get(left + right);
    if (leftId === undefined || rightId === undefined || result === undefined) {
      return file.fail(field, 'both symbols and their union in model.vocab', merge);
    }
    merges.add(leftId, rightId, rank, result);
  }
  return merges;
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MOST_TOKENS;
}
