// An open loop: each request is sent when the schedule says so, however long others take, and its time counts from then, so that a server
// that stands still for a second is seen by all that come in that second.
import { seededRandom } from '../../src/suite/nano/random.ts';

/** What one request brought. */
export interface Sample {
  readonly route: string;
  /** When it was due, in milliseconds from the start. */
  readonly dueMs: number;
  /** From when it was due to the last byte. */
  readonly ms: number;
  /** 0 where there was no answer. */
  readonly status: number;
}

/** `ms` only of a request that follows from another: then its time counts from when that one was answered. */
export type Report = (route: string, dueMs: number, status: number, ms?: number) => void;
export type Request = (report: Report, dueMs: number) => Promise<void>;

export interface Mix {
  /** Times in a second, together the rate. */
  readonly times: number;
  readonly send: Request;
}

/** Sends the mix for so many seconds, each second's requests evenly spaced in an order drawn from the seed; resolves when all are answered. */
export async function runOpenLoop(mix: readonly Mix[], seconds: number, seed: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const startedMs = performance.now();
  const report: Report = (route, dueMs, status, ms = performance.now() - startedMs - dueMs) =>
    void samples.push({ route, dueMs, ms, status });
  const cards = mix.flatMap(({ times, send }) => Array.from({ length: times }, () => send));
  const random = seededRandom(seed, 0);
  const pending: Promise<void>[] = [];
  for (let second = 0; second < seconds; second++) {
    const order = shuffled(cards, (below) => random.below(below));
    for (const [place, send] of order.entries()) {
      const dueMs = 1_000 * (second + place / order.length);
      const waitMs = startedMs + dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      pending.push(send(report, dueMs));
    }
  }
  await Promise.all(pending);
  return samples;
}

function shuffled<T>(cards: readonly T[], below: (bound: number) => number): T[] {
  const order = [...cards];
  for (let i = order.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!]; // both below its length
  }
  return order;
}

/** The smallest value that at least this fraction of the values do not exceed. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? NaN;
}
