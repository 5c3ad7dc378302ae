import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { createJob } from '../../src/store/jobs.ts';
import { appendLogLines, MOST_LINES, type NewLogLine } from '../../src/store/log-lines.ts';
import { testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
const app = testApp(database);
const AT = new Date('2026-01-01T00:00:00.000Z');

interface Answer {
  readonly lines: { id: number; level: string; arm: string | null; message: string; details: unknown }[];
  readonly lastId: string;
}

const ask = async (id: string, query = '') => (await request(app).get(`/v1/jobs/${id}/logs${query}`)).body as Answer;
const words = ({ lines }: Answer) => lines.map(({ message }) => message);

let job: string;
const line = (message: string, changes: Partial<NewLogLine> = {}): NewLogLine => ({
  ...{ jobId: job, attempt: 1, arm: null, level: 30, message, details: {}, at: AT },
  ...changes,
});
beforeEach(async () => {
  job = (await createJob(database, { spec: someSpec() })).id;
});

describe('the log of a job', () => {
  it('has every field of a line, oldest first, and nothing of other jobs', async () => {
    const other = (await createJob(database, { spec: someSpec() })).id;
    await appendLogLines(database, other, [line('not this', { jobId: other })]);
    await appendLogLines(database, job, [
      line('claimed', { details: { host: 'a', n: 3 } }),
      line('half a pair \ud800 and \0', { arm: 'control', level: 50, attempt: 2, details: { text: '\0' } }),
    ]);
    const { lines, lastId } = await ask(job);
    const [id, next] = lines.map((one) => one.id);
    expect(lines).toEqual([
      {
        id,
        at: AT.toISOString(),
        level: 'info',
        attempt: 1,
        arm: null,
        message: 'claimed',
        details: { host: 'a', n: 3 },
      },
      {
        ...{ id: next, at: AT.toISOString(), level: 'error', attempt: 2, arm: 'control' },
        ...{ message: 'half a pair \ufffd and \ufffd', details: { text: '\ufffd' } },
      },
    ]);
    expect(lastId).toBe(String(next));
  });

  it('answers the newest lines, those of a level and graver, of an arm, and those behind an id', async () => {
    await appendLogLines(database, job, [
      line('one', { level: 20 }),
      line('two', { arm: 'control', level: 40 }),
      line('three', { arm: 'burn-in', level: 60 }),
    ]);
    expect(words(await ask(job, '?limit=2'))).toEqual(['two', 'three']);
    expect(words(await ask(job, '?level=warn'))).toEqual(['two', 'three']);
    expect(words(await ask(job, '?level=fatal'))).toEqual(['three']);
    expect(words(await ask(job, '?arm=burn-in'))).toEqual(['three']);
    const { lines, lastId } = await ask(job);
    expect(words(await ask(job, `?after=${lines[0]!.id}&limit=1`))).toEqual(['two']);
    expect(await ask(job, `?after=${lastId}`)).toEqual({ lines: [], lastId });
    await appendLogLines(database, job, [line('four')]);
    expect(words(await ask(job, `?after=${lastId}`))).toEqual(['four']);
  });

  it('is empty before anything was logged, and says where to begin', async () => {
    expect(await ask(job)).toEqual({ lines: [], lastId: '0' });
  });

  it('keeps the newest lines of a job and drops what is older', async () => {
    const many = Array.from({ length: MOST_LINES }, (_, i) => line(`line ${i}`));
    await appendLogLines(database, job, many);
    await appendLogLines(database, job, [line('and one'), line('and another')]);
    const kept = words(await ask(job, `?limit=${MOST_LINES}`));
    expect(kept).toHaveLength(MOST_LINES);
    expect([kept[0], kept.at(-1)]).toEqual(['line 2', 'and another']);
  });

  it('takes lines of a job that is not there for nothing', async () => {
    const gone = '01900000-0000-7000-8000-000000000000';
    await appendLogLines(database, gone, [line('x', { jobId: gone })]);
    expect((await request(app).get(`/v1/jobs/${gone}/logs`)).status).toBe(404);
  });

  it.each(['level=loud', 'arm=both', 'after=x', 'limit=0', 'limit=2001', 'what=1'])('refuses ?%s', async (query) => {
    const response = await request(app).get(`/v1/jobs/${job}/logs?${query}`);
    expect(response.status).toBe(400);
    expect((response.body as { detail: string }).detail).toContain(query.split('=')[0]);
  });
});
