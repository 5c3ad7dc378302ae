// What a slurmrestd newer than the one that tests can start would be told: a stand-in that spells everything the other way.
// A real one of 22.05 is asked in slurm.test.ts.
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isOver, slurmClient } from '../../jobs/executor/slurm-client.ts';

const description = {
  paths: { '/slurm/v0.0.39/job/submit': {}, '/slurm/v0.0.40/job/submit': {}, '/slurmdb/v0.0.41/jobs/': {} },
  components: {
    schemas: {
      'v0.0.39_job_properties': { properties: { environment: { type: 'object' } } },
      'v0.0.40_job_desc_msg': {
        properties: {
          ...{ comment: { type: 'string' }, current_working_directory: { type: 'string' } },
          ...{ environment: { type: 'array' }, tres_per_node: { type: 'string' } },
        },
      },
    },
  },
};

let server: Server;
let url: string;
const asked: { path: string; token: unknown; body: unknown }[] = [];
let answer: { status: number; body: unknown };
beforeAll(async () => {
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const isDescription = request.url === '/openapi';
      const token = request.headers['x-slurm-user-token'];
      if (!isDescription) asked.push({ path: request.url ?? '', token, body: text && (JSON.parse(text) as unknown) });
      response.statusCode = isDescription ? 200 : answer.status;
      response.end(JSON.stringify(isDescription ? description : answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`; // it listens on TCP
});
afterAll(() => server.close());
beforeEach(() => asked.splice(0));

const request = {
  ...{ name: 'tiresias-control', comment: 'tiresias:a/b', script: '#!/bin/sh\n', workingFolder: '/w' },
  ...{ outputPath: '/o', environment: { PATH: '/bin', LANG: 'C' } },
  resources: { partition: 'p', account: undefined, cpus: 3, memoryMiB: 5, gres: 'gpu:1', timeLimitMinutes: undefined },
};

describe('a slurmrestd of another version', () => {
  it('is asked in its newest version, as that spells things, with a token that is read each time', async () => {
    answer = { status: 200, body: { job_id: 7, errors: [] } };
    let numRead = 0;
    const client = slurmClient({ url: `${url}/`, user: 'u', token: () => `token ${numRead++}` });
    expect(await client.submit(request)).toBe(7);
    expect(asked).toMatchObject([{ path: '/slurm/v0.0.40/job/submit', token: 'token 1' }]);
    const { job } = asked[0]!.body as { job: Record<string, unknown> }; // just looked at
    expect(job).toMatchObject({ environment: ['PATH=/bin', 'LANG=C'], tres_per_node: 'gres:gpu:1', cpus_per_task: 3 });
    expect(Object.keys(job)).not.toContain('gres');
    expect(Object.keys(job)).not.toContain('account');
  });

  it('answers with states as a list', async () => {
    const client = slurmClient({ url, user: 'u', token: () => 't' });
    const stateOf = async (...states: string[]) => {
      answer = { status: 200, body: { jobs: [{ job_id: 7, job_state: states, restart_cnt: 2 }] } };
      const job = await client.getJob(7);
      return job && isOver(job);
    };
    expect(await stateOf('COMPLETED', 'COMPLETING')).toBe(false);
    expect(await stateOf('PENDING', 'REQUEUED')).toBe(false);
    expect(await stateOf('NODE_FAIL')).toBe(true);
  });

  it('may say that the token is wrong as HTTP does', async () => {
    answer = { status: 401, body: 'Authentication failure' };
    const client = slurmClient({ url, user: 'u', token: () => 'very secret' });
    const words = await client.listJobs().catch((error: unknown) => String(error));
    expect(words).toMatch(
      /^InputError: GET .*\/slurm\/v0.0.40\/jobs was answered with 401: .*TIRESIAS_SLURM_TOKEN_FILE/,
    );
    expect(words).not.toContain('secret');
  });
});
