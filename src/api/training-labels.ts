// What must be known of a run's training beside its scores: spikes of its loss.
import type { Label } from '../eval/metrics.ts';
import type { Database } from '../store/database.ts';
import type { JobWithRuns } from '../store/jobs.ts';
import { readLosses } from '../store/results.ts';
import { lossSpikes, type LossSpike } from '../train/loss-spikes.ts';

/** Steps that a label names at most. */
const MOST_NAMED = 5;

// Recorded steps never change, so neither do the spikes among the first n: whoever asks again costs no reading.
const known = new Map<string, { readonly step: number; readonly spikes: readonly LossSpike[] }>();
const MAX_KNOWN = 2_000;

/** The loss spikes of each arm that has some. */
export async function readSpikes(
  database: Database,
  { runs }: JobWithRuns,
): Promise<Map<string, readonly LossSpike[]>> {
  const found = new Map<string, readonly LossSpike[]>();
  for (const { id, arm, step } of runs) {
    let entry = known.get(id);
    if (entry?.step !== step) {
      const losses = await readLosses(database, id);
      entry = { step, spikes: lossSpikes(losses.step, losses.lossNats) };
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(id, entry);
    }
    if (entry.spikes.length > 0) found.set(arm, entry.spikes);
  }
  return found;
}

/** The label of an arm with loss spikes; null for one without. */
export function labelSpikes(spikes: readonly LossSpike[] | undefined): Label | null {
  if (spikes === undefined) return null;
  const named = spikes.slice(0, MOST_NAMED).map(describe).join('; ');
  const more = spikes.length > MOST_NAMED ? `; and ${spikes.length - MOST_NAMED} more` : '';
  return { label: 'loss spike', detail: `${named}${more}` };
}

function describe({ step, lossNats, expectedNats }: LossSpike): string {
  return `step ${step}: ${lossNats.toFixed(3)} nats, where ${expectedNats.toFixed(3)} was usual`;
}
