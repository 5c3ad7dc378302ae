import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  childPointer,
  nearestPlace,
  parsePointer,
  valueAt,
  withValueAt,
  type JsonObject,
} from '../../src/web/json-pointer.ts';

describe('JSON pointers', () => {
  it('read the examples of RFC 6901', () => {
    expect(parsePointer('')).toEqual([]);
    expect(parsePointer('/foo/0')).toEqual(['foo', '0']);
    expect(parsePointer('/a~1b')).toEqual(['a/b']);
    expect(parsePointer('/m~0n')).toEqual(['m~n']);
    expect(parsePointer('#/foo')).toEqual(['foo']);
  });

  it('give back every key that was put into them', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), (keys) => {
        expect(parsePointer(keys.reduce(childPointer, ''))).toEqual(keys);
      }),
    );
  });

  it('find again what was put in, and leave everything else as it was', () => {
    const before: JsonObject = { model: 'nano-1m', window: { to: 1430 } };
    const after = withValueAt(before, '/intervention/probability', 0.5);
    expect(valueAt(after, '/intervention/probability')).toBe(0.5);
    expect(after).toEqual({ model: 'nano-1m', window: { to: 1430 }, intervention: { probability: 0.5 } });
    expect(before).toEqual({ model: 'nano-1m', window: { to: 1430 } });
  });

  it('remove a value together with the objects it leaves empty', () => {
    expect(withValueAt({ a: { b: { c: 1 } }, d: 2 }, '/a/b/c', undefined)).toEqual({ d: 2 });
    expect(withValueAt({ d: 2 }, '/a/b/c', undefined)).toEqual({ d: 2 });
  });

  it('name the nearest field above a fault', () => {
    const fields = new Set(['/arms', '/window/to']);
    expect(nearestPlace('/arms/1', fields)).toBe('/arms');
    expect(nearestPlace('/window/to', fields)).toBe('/window/to');
    expect(nearestPlace('/window', fields)).toBe('');
    expect(nearestPlace('/unknown', fields)).toBe('');
  });
});
