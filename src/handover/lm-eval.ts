// Scores in the form of lm-evaluation-harness's results files (results_*.json, version 0.4): one file an arm and step. Tasks keep our names: they are not the
// harness's tasks, whose sets and prompts differ.
import { grouped, taskOf, type JobReport, type Score } from './job-report.ts';

const HIGHER_IS_BETTER: Readonly<Record<string, boolean>> = {
  accuracy: true,
  wordAccuracy: true,
  perplexity: false,
  lossNats: false,
};

/** The document of an arm's scores at a step; undefined when there are none. */
export function lmEvalResults(report: JobReport, arm: string, step: number): Record<string, unknown> | undefined {
  const scores = report.scores.filter((score) => score.arm === arm && score.step === step);
  if (scores.length === 0) return undefined;
  const tasks = grouped(scores, taskOf);
  const { job } = report;
  const byTask = <T>(make: (scores: readonly Score[], task: string) => T) =>
    Object.fromEntries([...tasks].map(([task, own]) => [task, make(own, task)]));
  return {
    results: byTask((own, task) => ({ alias: task, ...Object.fromEntries(own.flatMap(figuresOf)) })),
    group_subtasks: byTask(() => []),
    configs: byTask((own) => {
      const { benchmark, protocol, settings } = own[0]!; // a group has a first
      return { task: benchmark, metadata: { protocol, ...settings } };
    }),
    versions: byTask(() => 'tiresias'),
    'n-shot': byTask(() => 0),
    higher_is_better: byTask((own) =>
      Object.fromEntries(own.map(({ metric }) => [metric, HIGHER_IS_BETTER[metric] ?? null])),
    ),
    'n-samples': byTask((own) => {
      const numItems = Math.max(...own.map(({ numItems }) => numItems));
      return { original: numItems, effective: numItems };
    }),
    config: {
      model: 'tiresias',
      model_args: `job=${job.id},arm=${arm},step=${step},model=${String(job.spec['model'])}`,
      tiresias: {
        job: job.id,
        name: job.name,
        arm,
        step,
        spec: job.spec,
        labels: report.labels.filter((label) => label.arm === arm),
      },
    },
    date: Date.parse(job.finishedAt ?? job.createdAt) / 1000,
    model_source: 'tiresias',
    model_name: `${String(job.spec['model'])} ${arm} step${step}`,
  };
}

function figuresOf({ metric, value, standardError, interval }: Score): [string, unknown][] {
  return [
    [`${metric},none`, value],
    [`${metric}_stderr,none`, standardError ?? 'N/A'],
    [`${metric}_interval,none`, interval],
  ];
}
