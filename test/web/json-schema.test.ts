import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ARMS, DIRECTIONS, jobSpecSchema } from '../../src/job-spec.ts';
import { fieldOf, fieldPointers, labelOf, resolveSchema, type JsonSchema } from '../../src/web/json-schema.ts';
import { faultsByField } from '../../src/web/schema-form.tsx';

const root = z.toJSONSchema(jobSpecSchema, { io: 'input' }) as JsonSchema;

function schemaAt(...keys: string[]): JsonSchema {
  return keys.reduce((schema, key) => resolveSchema(schema, root).properties![key]!, root); // keys of the schema
}

describe("the job's schema", () => {
  it('has words of help for every field of the form', () => {
    const pointers = fieldPointers(root, root);
    const wordless = pointers.filter((pointer) => !schemaAt(...pointer.slice(1).split('/')).description);
    expect(wordless).toEqual([]);
    expect(pointers.length).toBeGreaterThan(25); // they were found
  });
});

describe('the form of a job', () => {
  it('has a field for every place of the job schema', () => {
    // Independent: the keys of a fully parsed job, and the optional ones that have no default.
    const parsed = jobSpecSchema.parse({ model: 'm', checkpoint: 'step1', dataset: 'd' });
    const leaves = (value: unknown, at: string): string[] =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${at}/${key}`))
        : [at];
    const expected = [
      ...leaves(parsed, '').filter((at) => at !== '/window'),
      '/name',
      '/window/to',
      '/window/steps',
      '/window/finalFraction',
    ];
    expect(fieldPointers(root, root).toSorted()).toEqual(expected.toSorted());
  });

  it('knows the kind of every field and never falls back to raw JSON', () => {
    expect(fieldOf(schemaAt('intervention', 'direction'))).toEqual({ kind: 'choice', options: [...DIRECTIONS] });
    expect(fieldOf(schemaAt('intervention', 'probability'))).toEqual({
      kind: 'number',
      isWhole: false,
      least: 0,
      most: 1,
    });
    expect(fieldOf(schemaAt('window', 'to'))).toEqual({ kind: 'number', isWhole: true, least: 1 });
    expect(fieldOf(schemaAt('arms'))).toEqual({ kind: 'several', options: [...ARMS] });
    expect(fieldOf(schemaAt('evaluation', 'benchmarks'))).toMatchObject({ kind: 'alternative', word: 'auto' });
    const kinds = fieldPointers(root, root).map((pointer) => fieldOf(schemaAt(...pointer.slice(1).split('/'))).kind);
    expect(kinds).not.toContain('json');
  });

  it('refuses a reference that leads nowhere or in a circle', () => {
    expect(() => resolveSchema({ $ref: '#/$defs/Gone' }, root)).toThrow('#/$defs/Gone');
    const circle: JsonSchema = { $defs: { A: { $ref: '#/$defs/A' } } };
    expect(() => resolveSchema({ $ref: '#/$defs/A' }, circle)).toThrow('#/$defs/A');
  });

  it('writes camelCase keys as words', () => {
    expect(labelOf('microBatchSize')).toBe('Micro batch size');
  });

  it('shows each fault at its field, or above the form when no field holds it', () => {
    const placed = faultsByField(
      [
        { pointer: '/window/to', detail: 'too small' },
        { pointer: '/arms/0', detail: 'unknown arm' },
        { pointer: '/colour', detail: 'is no field of a job' },
        { pointer: '', detail: 'not an object' },
      ],
      root,
    );
    expect([...placed]).toEqual([
      ['/window/to', ['too small']],
      ['/arms', ['unknown arm']],
      ['', ['/colour: is no field of a job', 'not an object']],
    ]);
  });
});
