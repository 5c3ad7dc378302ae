// `tiresias watch` to each of its ends, over a connection that breaks.
import type { ServerResponse } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { said, tiresias } from './command.ts';
import { aJob, fakeServer, frame, json } from './fake-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // each command is a process that compiles its sources
const server = await fakeServer();
const url = ['--url', server.url];
const window = { fromStep: 10, toStep: 14 };
const running = {
  state: 'running',
  attempt: 1,
  arms: ['control', 'intervention'].map((arm) => ({ arm, state: 'running', ...window, step: 10 })),
};
const step = (id: number, arm: string, at: number) =>
  frame(id, 'step', { arm, step: at, lossNats: 2.5, learningRate: 1e-4, tokensPerSecond: 100, numEdits: 0 });

/** Lets the job's event stream answer its connections in turn. */
function streams(id: string, connections: ((response: ServerResponse) => void)[]): void {
  server.on(`GET /v1/jobs/${id}/events`, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('retry: 1\n\n');
    connections.shift()?.(response);
  });
}

describe('tiresias watch', () => {
  it('misses and repeats no event over a broken connection, and exits with 0 on success', async () => {
    server.on('GET /v1/jobs/good', json(200, aJob({ id: 'good', ...running })));
    const first = [frame(1, 'state', { state: 'running', attempt: 1 }), step(2, 'control', 10)].join('');
    streams('good', [
      (response) => response.write(`${first}id: 3\nevent: step\n`, () => response.destroy()),
      (response) => response.end(step(3, 'control', 11)), // a proxy's timeout
      (response) => response.write(step(4, 'control', 12) + frame(5, 'state', { state: 'succeeded', attempt: 1 })),
    ]);
    const { code, stdout, stderr } = await tiresias(['watch', 'good', '--json', ...url]);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; type: string });
    expect(events.map(({ id, type }) => `${id} ${type}`)).toEqual(['1 state', '2 step', '3 step', '4 step', '5 state']);
    expect(events[3]).toMatchObject({ data: { arm: 'control', step: 12, lossNats: 2.5 } });
    const from = server.asked.filter(({ path }) => path.endsWith('/events')).map(({ lastEventId }) => lastEventId);
    expect(from).toEqual([undefined, '2', '3']);
  });

  it('writes lines where there is no terminal, the end alone on stdout, and exits with 3 on failure', async () => {
    let numAsked = 0;
    server.on('GET /v1/jobs/bad', (response, asked) => {
      numAsked += 1; // the arms are there only after the job was claimed
      json(200, aJob({ id: 'bad', ...(numAsked === 1 ? { state: 'queued' } : running) }))(response, asked);
    });
    const failed = { state: 'failed', attempt: 2, reason: 'no-edits', message: 'no pronoun was changed' };
    streams('bad', [
      (response) =>
        response.write(
          frame(1, 'state', { state: 'queued', attempt: 0 }) +
            frame(2, 'state', { state: 'recovering', attempt: 2 }) +
            step(3, 'control', 10) +
            step(4, 'intervention', 10) +
            frame(5, 'evaluation', { arm: 'control', step: 14, benchmark: 'winobias', protocol: 'p', scores: {} }) +
            frame(6, 'something of a later version', null) +
            frame(7, 'state', failed),
        ),
    ]);
    const { code, stdout, stderr } = await tiresias(['watch', 'bad', ...url]);
    expect(code).toBe(3);
    expect(stdout).toBe('failed (no-edits): no pronoun was changed\n');
    expect(stderr.split('\n')).toEqual([
      'queued',
      'recovering, attempt 2',
      'control: winobias, p scored at step 14',
      '2/8 control 11: loss 2.500, 100 tokens/s · intervention 11: loss 2.500, 100 tokens/s',
      '',
    ]);
  });

  it('learns of an end whose event it missed, and exits with 4 when the job was cancelled', async () => {
    server.on('GET /v1/jobs/gone', json(200, aJob({ id: 'gone', state: 'cancelled' })));
    streams('gone', [(response) => response.end()]);
    expect(await tiresias(['watch', 'gone', ...url])).toEqual({ code: 4, stdout: 'cancelled\n', stderr: '' });
  });

  it('submits and stays with --watch', async () => {
    server.on('POST /v1/jobs', json(201, { job: aJob({ id: 'mine' }) }));
    server.on('GET /v1/jobs/mine', json(200, aJob({ id: 'mine' })));
    const failed = { state: 'failed', attempt: 1, reason: 'numerical', message: 'the loss is NaN' };
    streams('mine', [(response) => response.write(frame(1, 'state', failed))]);
    const outcome = await tiresias(['submit', '--model', 'a', '--watch', ...url]);
    expect(outcome).toEqual({ code: 3, stdout: 'mine\nfailed (numerical): the loss is NaN\n', stderr: '' });
  });

  it('leaves the job alone when Ctrl-C ends the watching', async () => {
    server.on('GET /v1/jobs/long', json(200, aJob({ id: 'long', ...running })));
    streams('long', [(response) => response.write(frame(1, 'state', { state: 'running', attempt: 1 }))]);
    const numAsked = server.asked.length;
    const { code, stderr } = await tiresias(['watch', 'long', ...url], {
      onStart: (child) => void said(child, 'stderr', /^running$/m).then(() => child.kill('SIGINT')),
    });
    expect(code).toBe(130);
    expect(stderr).toContain('the job goes on');
    expect(server.asked.slice(numAsked).every(({ method }) => method === 'GET')).toBe(true);
  });

  it('exits with 2 when there is no such job', async () => {
    const { code, stderr } = await tiresias(['watch', 'nobody', ...url]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'tiresias: Not found: there is no /v1/jobs/nobody (HTTP 404)\n',
    });
  });
});
