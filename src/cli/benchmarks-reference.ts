// `tiresias benchmarks reference`: what was published of the Pythia models, each figure with its source and its warnings.
import type { Command } from 'commander';
import { NotFoundError } from '../errors.ts';
import { findPythia } from '../suite/pythia/models.ts';
import { publishedScores, type PublishedScore } from '../suite/pythia/published.ts';
import { parseCheckpoint } from './options.ts';
import { formatTable } from './table.ts';

interface ReferenceOptions {
  readonly checkpoint?: number;
  readonly json?: true;
}

export function addReferenceCommand(benchmarks: Command): void {
  benchmarks
    .command('reference')
    .description('published CrowS-Pairs, WinoBias and LAMBADA figures of a Pythia model, with sources and warnings')
    .argument('<model>', 'a model of `tiresias models list --all`')
    .option('--checkpoint <stepN>', 'one step (default: all)', parseCheckpoint)
    .option('--json', 'print {"published": […]}')
    .addHelpText('after', '\nExample:\n  $ tiresias benchmarks reference pythia-70m-deduped --checkpoint step143000')
    .action(reference);
}

function reference(model: string, { checkpoint, json }: ReferenceOptions): void {
  if (findPythia(model) === undefined) {
    throw new NotFoundError(`the Pythia suite has no model "${model}"; \`tiresias models list --all\` names them`);
  }
  const ofModel = publishedScores().filter((score) => score.model === model);
  const published = ofModel.filter(({ step }) => checkpoint === undefined || step === checkpoint);
  if (published.length === 0) {
    const steps = [...new Set(ofModel.map(({ step }) => step))].sort((a, b) => a - b);
    const words = steps.length === 0 ? 'no step' : `steps ${steps.join(', ')}`;
    const asked = checkpoint === undefined ? '' : ` at step${checkpoint}`;
    throw new NotFoundError(`nothing is known to be published of ${model}${asked}; there are figures of ${words}`);
  }
  process.stdout.write(json ? `${JSON.stringify({ published })}\n` : formatPublished(published));
}

function formatPublished(published: readonly PublishedScore[]): string {
  const header = ['step', 'condition', 'benchmark', 'metric', 'value', '± s.e.', 'n', 'warnings'];
  const rows = published.map((score) => [
    ...[`step${score.step}`, score.condition, score.benchmark, score.metric, String(score.value)],
    ...[score.standardError === null ? '' : String(score.standardError), String(score.numItems)],
    score.warnings.map(({ label }) => label).join(', '),
  ]);
  const details = new Map(published.flatMap(({ warnings }) => warnings.map(({ label, detail }) => [label, detail])));
  const sources = new Set(published.map(({ source }) => source));
  const warnings = [...details].map(([label, detail]) => `${label}: ${detail}\n`).join('');
  return `${formatTable([header, ...rows])}\n${warnings}\n${[...sources].map((source) => `${source}\n`).join('')}`;
}
