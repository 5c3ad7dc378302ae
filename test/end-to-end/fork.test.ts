// A fork that changes nothing goes on exactly as the run that it starts from: the same batches, losses and weights, bit for bit.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { prepare } from '../../jobs/preparation.ts';
import { parseRecord } from '../../jobs/record.ts';
import { verifyJob } from '../../jobs/verify/verify.ts';
import { nanoSpec, startTestService, type TestService } from '../support/service.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });
let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

interface Manifest {
  readonly start?: object;
  readonly arms: { readonly control: { readonly steps: Readonly<Record<string, readonly unknown[]>> } };
}
interface Checkpoints {
  readonly checkpoints: readonly { readonly step: number; readonly path: string }[];
}

it('repeats the steps that its parent made after the checkpoint, and can be verified from its manifest', async () => {
  const training = { rowsPerStep: 2, checkpointEvery: 2 };
  const spec = nanoSpec({ arms: ['control'], training, evaluation: { benchmarks: [], atStart: false, every: 4 } });
  service.startWorker();
  const parent = await service.submit(spec);
  await service.untilOver(parent);
  const start = { arm: 'control', step: 1332 };
  const made = await service.post(`/jobs/${parent}/fork`, start);
  expect(made.status).toBe(201);
  const fork = (made.body as { job: { id: string } }).job.id;
  expect(await service.untilOver(fork)).toMatchObject({ state: 'succeeded' });
  const [first, second] = [
    await service.get<Manifest>(`/jobs/${parent}/manifest`),
    await service.get<Manifest>(`/jobs/${fork}/manifest`),
  ];
  expect(second.start).toMatchObject({ job: parent, ...start });
  const tail = Object.entries(first.arms.control.steps).map(([name, column]) => [name, column.slice(2)]);
  expect(second.arms.control.steps['step']).toEqual([1332, 1333]);
  expect(second.arms.control.steps).toEqual(Object.fromEntries(tail));
  const weights = await Promise.all(
    [parent, fork].map(async (id) => {
      const { checkpoints } = await service.get<Checkpoints>(`/jobs/${id}/checkpoints`);
      const last = checkpoints.find(({ step }) => step === 1334)!;
      return ['model', 'optimizer'].map((name) => readFileSync(join(last.path, `${name}.safetensors`)));
    }),
  );
  const record = parseRecord(second, 'the manifest');
  const preparation = await prepare(record.spec, record.plan, service.home, { start: record.start });
  const options = { home: service.home, numSteps: 1, seed: 1, reach: 10, isRowsOnly: false };
  const { findings } = await verifyJob(record, preparation, options);
  expect(findings.filter(({ verdict }) => verdict !== 'equal')).toEqual([]);
  expect(findings.map(({ subject }) => subject)).toContain('loss');
  expect(weights[1]!.map((bytes, i) => bytes.equals(weights[0]![i]!))).toEqual([true, true]);
});
