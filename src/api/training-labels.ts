// What must be known of a run's training beside its scores: spikes of its loss, and updates that were left out.
import type { Label } from '../eval/metrics.ts';
import type { Database } from '../store/database.ts';
import type { JobWithRuns } from '../store/jobs.ts';
import { readLosses } from '../store/results.ts';
import { recordsIdOf } from '../store/standing-jobs.ts';
import { lossSpikes, type LossSpike } from '../train/loss-spikes.ts';

/** Steps that a label names at most. */
const MOST_NAMED = 5;

export interface TrainingFaults {
  readonly spikes: readonly LossSpike[];
  readonly skipped: readonly { readonly step: number; readonly why: string }[];
}

// Recorded steps never change, so neither do the faults among the first n: whoever asks again costs no reading.
const known = new Map<string, { readonly step: number; readonly faults: TrainingFaults }>();
const MAX_KNOWN = 2_000;

/** The faults of each arm's training. */
export async function readFaults(database: Database, { runs }: JobWithRuns): Promise<Map<string, TrainingFaults>> {
  const found = new Map<string, TrainingFaults>();
  for (const { arm, step, ...run } of runs) {
    const id = recordsIdOf(run);
    let entry = known.get(id);
    if (entry?.step !== step) {
      entry = { step, faults: await faultsOf(database, id) };
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(id, entry);
    }
    found.set(arm, entry.faults);
  }
  return found;
}

async function faultsOf(database: Database, runId: string): Promise<TrainingFaults> {
  const { step, lossNats, skipped } = await readLosses(database, runId);
  const left = skipped.flatMap((why, i) => (why === null ? [] : [{ step: step[i]!, why }])); // columns of one length
  return { spikes: lossSpikes(step, lossNats), skipped: left };
}

/** The labels of an arm with such faults. */
export function labelFaults(faults: TrainingFaults | undefined): Label[] {
  if (faults === undefined) return [];
  const spikes = faults.spikes.map(
    ({ step, lossNats, expectedNats }) =>
      `step ${step}: ${lossNats.toFixed(3)} nats, where ${expectedNats.toFixed(3)} was usual`,
  );
  const skipped = faults.skipped.map(({ step, why }) => (why.startsWith('step') ? why : `step ${step}: ${why}`));
  return [
    { label: 'loss spike', named: spikes },
    { label: 'steps left out', named: skipped },
  ]
    .filter(({ named }) => named.length > 0)
    .map(({ label, named }) => ({ label, detail: inWords(named) }));
}

function inWords(named: readonly string[]): string {
  const more = named.length > MOST_NAMED ? `; and ${named.length - MOST_NAMED} more` : '';
  return `${named.slice(0, MOST_NAMED).join('; ')}${more}`;
}
