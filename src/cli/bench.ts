// `tiresias bench`: how fast this machine is at each stop of the road.
import type { Command } from 'commander';
import { addEvalBench } from './bench-eval.ts';
import { addDataBenches } from './bench-replay.ts';
import { addRewriteBench } from './bench-rewrite.ts';
import { addTrainBench } from './bench-train.ts';

export function addBenchCommand(program: Command): void {
  const bench = program.command('bench').description('measure speed');
  addDataBenches(bench);
  addRewriteBench(bench);
  addTrainBench(bench);
  addEvalBench(bench);
}
