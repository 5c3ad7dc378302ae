// Six jobs on two workers while trainers, workers, the server and PostgreSQL are killed with -9 at random: the short form of the trial `chaos`.
import { describe, expect, it, vi } from 'vitest';
import { wreakChaos } from '../../scripts/acceptance/chaos.ts';

vi.setConfig({ testTimeout: 1_500_000 }); // some seconds for each start of a process from its sources, on a machine that does other things

describe('jobs under random kills of all that takes part', () => {
  it('all succeed with the numbers of undisturbed ones, every step once, and nothing is left', async () => {
    const options = { numJobs: 6, numWorkers: 2, numSpecs: 2, seconds: 60, mostPauseMs: 4_000, seed: 2 };
    const report = await wreakChaos(options);
    const { killed, attempts, isSame, states, numWrongSteps, numOpen, leftTrainers, leftProcesses } = report;
    expect(states).toEqual(Array(6).fill('succeeded'));
    expect(isSame).toEqual(Array(6).fill(true));
    expect({ numWrongSteps, numOpen, leftTrainers, leftProcesses }).toEqual({
      numWrongSteps: 0,
      numOpen: 0,
      leftTrainers: [],
      leftProcesses: [],
    });
    expect(Object.values(killed).reduce((sum, one) => sum + one, 0)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...attempts)).toBeGreaterThan(1);
  });
});
