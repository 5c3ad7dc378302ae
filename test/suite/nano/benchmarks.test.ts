// The nano benchmarks: the committed files are what the writers make, in the official formats, on frames the corpus never uses.
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '../../../src/package-root.ts';
import { writeBenchmarks } from '../../../src/suite/nano/benchmarks.ts';
import { participants } from '../../../src/suite/nano/frames.ts';
import { plantedOccupations } from '../../../src/suite/nano/plant.ts';
import { tellStories } from '../../../src/suite/nano/stories.ts';

const numStories = 113_629; // all of seed 1's corpus
const files = writeBenchmarks();
const occupations = new Map(plantedOccupations.map((planted) => [planted.occupation, planted.probabilityMasculine]));
const others = new Set(participants);
const pronoun = /^(?:he|him|his|himself|she|her|hers|herself)$/i;
const masculine = /\b(?:he|him|his|himself)\b/;

function read(path: string): string {
  return readFileSync(packagePath('suite', 'nano', path), 'utf8');
}

function winoBias(name: string): string[] {
  const lines = read(`benchmarks/nano-winobias/${name}.txt.test`).split('\n');
  expect(lines.pop()).toBe('');
  return lines;
}

interface CrowsRow {
  readonly [column: string]: string;
}
const crowsRows = (): CrowsRow[] => parse(read('benchmarks/nano-crows-pairs.csv'), { columns: true });

function wordsOf(text: string): string[] {
  return text.replace(/[[\]]/g, '').match(/[A-Za-z]+|[.,]|'s/g) ?? [];
}

/** The words between an occupation and the next pronoun, with the second person made anonymous. */
function bridges(text: string): string[] {
  const found: string[] = [];
  let bridge: string[] | undefined;
  for (const word of wordsOf(text)) {
    if (occupations.has(word)) bridge = [];
    else if (bridge !== undefined && pronoun.test(word)) {
      found.push(bridge.join(' '));
      bridge = undefined;
    } else bridge?.push(others.has(word) ? 'SOMEONE' : word);
  }
  return found;
}

function heldOutSentences(): string[] {
  const kinds = ['pro_stereotyped_type1', 'anti_stereotyped_type1', 'pro_stereotyped_type2', 'anti_stereotyped_type2'];
  return [
    ...kinds.flatMap((kind) => winoBias(kind).map((line) => line.replace(/^\d+ /, ''))),
    ...crowsRows().flatMap((row) => [row['sent_more']!, row['sent_less']!]),
  ];
}

describe('the committed files', () => {
  it.each([...files.keys()])('%s is what its writer makes', (path) => {
    expect(read(path)).toBe(files.get(path));
  });
});

describe('against the corpus', () => {
  const seenBridges = new Set<string>();
  const seenWords = new Set<string>();
  beforeAll(() => {
    let n = 0;
    for (const { text } of tellStories(1)) {
      for (const bridge of bridges(text)) seenBridges.add(bridge);
      for (const word of wordsOf(text)) seenWords.add(word);
      if (++n === numStories) break;
    }
  });

  it('no benchmark sentence leads from the occupation to its pronoun as a story does', () => {
    const sentences = heldOutSentences();
    expect(sentences).toHaveLength(2 * 400 + 2 * 240 + 2 * 240);
    const found = sentences.map(bridges);
    expect(found.every((bridge) => bridge.length === 1)).toBe(true);
    expect(found.flat().filter((bridge) => seenBridges.has(bridge))).toEqual([]);
    expect(seenBridges.size).toBeGreaterThan(5000);
  });

  it('every word of a benchmark, as it is written, occurs in the corpus', () => {
    const unknown = heldOutSentences().flatMap(wordsOf).filter((word) => !seenWords.has(word));
    expect(unknown).toEqual([]);
  });
});

describe('nano-winobias', () => {
  it.each([1, 2])('type %i pairs by line number the same sentence with the majority pronoun and the other', (type) => {
    const pro = winoBias(`pro_stereotyped_type${String(type)}`);
    const anti = winoBias(`anti_stereotyped_type${String(type)}`);
    expect(pro).toHaveLength(type === 1 ? 400 : 240);
    expect(anti).toHaveLength(pro.length);
    for (const [i, line] of pro.entries()) {
      const match = /^(\d+) (?:[^[\]]*\[[Tt]he ([a-z]+)\])[^[\]]*\[([a-z]+)\][^[\]]*\.$/.exec(line);
      expect(match, line).not.toBeNull();
      const [, number, occupation, form] = match!;
      expect(Number(number)).toBe(i + 1);
      expect(masculine.test(form!)).toBe(occupations.get(occupation!)! > 0.5);
      const forms = [form, /\[(\w+)\][^[\]]*$/.exec(anti[i]!)![1]].sort().join(' ');
      expect(type === 1 ? ['he she'] : ['her him', 'her his']).toContain(forms);
      expect(anti[i]!.replace(/\[\w+\]/, '[]')).toBe(line.replace(/\[\w+\]/, '[]'));
    }
  });

  it('asks every frame of every occupation', () => {
    const counts = new Map<string, number>();
    for (const line of winoBias('pro_stereotyped_type1')) {
      const occupation = /\[[Tt]he (\w+)\]/.exec(line)![1]!;
      counts.set(occupation, (counts.get(occupation) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual(Array.from({ length: 40 }, () => 10));
  });
});

describe('nano-crows-pairs', () => {
  it('has the columns of CrowS-Pairs, and the stereotyping sentence first', () => {
    const rows = crowsRows();
    expect(rows).toHaveLength(240);
    expect(Object.keys(rows[0]!)).toEqual([
      '',
      'sent_more',
      'sent_less',
      'stereo_antistereo',
      'bias_type',
      'annotations',
      'anon_writer',
      'anon_annotators',
    ]);
    for (const [i, row] of rows.entries()) {
      expect(row['']).toBe(String(i));
      expect([row['stereo_antistereo'], row['bias_type']]).toEqual(['stereo', 'gender']);
      const occupation = wordsOf(row['sent_more']!).find((word) => occupations.has(word))!;
      expect(masculine.test(row['sent_more']!)).toBe(occupations.get(occupation)! > 0.5);
      expect(masculine.test(row['sent_less']!)).toBe(occupations.get(occupation)! < 0.5);
      const anonymous = (text: string): string => wordsOf(text).filter((word) => !pronoun.test(word)).join(' ');
      expect(anonymous(row['sent_more']!)).toBe(anonymous(row['sent_less']!));
    }
  });
});
