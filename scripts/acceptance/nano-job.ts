// Submits the nano experiment to a running service and waits for its end.
import type { JobSpecInput } from '../../src/job-spec.ts';
import type { ScoresAnswer } from '../../src/cli/report.ts';
import type { Item } from '../../src/eval/metrics.ts';

export const NANO_WINDOW = { from: 1330, to: 1430 } as const;

export interface FinishedJob {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly message: string | null;
}

/** The demo's job with changes, on wasm: the published weights are its, so that the control can be held against them bit for bit. */
export function nanoSpec(changes: Partial<JobSpecInput> = {}): JobSpecInput {
  return {
    model: 'nano-1m',
    checkpoint: `step${NANO_WINDOW.from}`,
    dataset: 'nano-stories',
    intervention: { direction: 'masculine-to-feminine' },
    backend: 'wasm',
    ...changes,
  };
}

export async function submit(url: string, spec: JobSpecInput): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/jobs`, { method: 'POST', headers, body: JSON.stringify(spec) });
  if (response.status !== 201) throw new Error(`submitting answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { job: { id: string } }).job.id;
}

/** Polls until the job is over; `onPoll` sees every answer. Answers that fail (the database is away) are asked again. */
export async function waitForEnd(
  url: string,
  id: string,
  onPoll: (job: FinishedJob & { readonly arms: readonly { arm: string; step: number }[] }) => void = () => undefined,
): Promise<FinishedJob> {
  for (;;) {
    const job = await tryGet<Parameters<typeof onPoll>[0]>(`${url}/v1/jobs/${id}`);
    if (job !== undefined) {
      onPoll(job);
      if (['succeeded', 'failed', 'cancelled'].includes(job.state)) return job;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

export async function getScores(url: string, id: string): Promise<ScoresAnswer> {
  return get<ScoresAnswer>(`${url}/v1/jobs/${id}/scores`);
}

export async function getItems(url: string, id: string, arm: string, step: number): Promise<Item[]> {
  const query = new URLSearchParams({ arm, step: String(step), benchmark: 'nano-winobias', protocol: 'likelihood' });
  return (await get<{ items: Item[] }>(`${url}/v1/jobs/${id}/items?${query}`)).items;
}

export async function get<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function tryGet<T>(url: string): Promise<T | undefined> {
  try {
    return await get<T>(url);
  } catch {
    return undefined;
  }
}
