import { describe, expect, it } from 'vitest';
import { InputError, TransientError } from '../../src/errors.ts';
import { asTransient } from '../../src/store/connection-errors.ts';

const withCode = (code: string, message = 'words') => Object.assign(new Error(message), { code });

describe('asTransient', () => {
  it.each([
    ['a refused connection', withCode('ECONNREFUSED')],
    ['a refused connection on every address', new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')])],
    ['a server that shuts down', withCode('57P01', 'terminating connection due to administrator command')],
    ['a server that is starting', withCode('57P03', 'the database system is starting up')],
    ['too many connections', withCode('53300')],
    ['a deadlock', withCode('40P01')],
    ["pg's words for a lost connection", new Error('Connection terminated unexpectedly')],
    ["Prisma's code for a server out of reach", withCode('P1001')],
    ['a cause inside another error', new Error('outer', { cause: withCode('ECONNRESET') })],
  ])('takes %s for passing, and keeps it as the cause', (_what, error) => {
    const mapped = asTransient(error);
    expect(mapped).toBeInstanceOf(TransientError);
    expect((mapped as TransientError).cause).toBe(error);
    expect(asTransient(mapped)).toBe(mapped);
  });

  it.each([
    ['a broken unique constraint', withCode('23505')],
    ["Prisma's code for it", withCode('P2002')],
    ['a wrong password', withCode('28P01')],
    ['a missing table', withCode('42P01')],
    ["a caller's fault", new InputError('words')],
    ['a value that is no error', 'words'],
  ])('leaves %s as it is', (_what, error) => {
    expect(asTransient(error)).toBe(error);
  });
});
