// `tiresias models show`: what is known of one model, of the suite's registry and of what is here.
import { openCatalog } from '../catalog.ts';
import { homeFolder } from '../settings.ts';
import { findModel, hasMoments, type SuiteModel } from '../suite/models.ts';
import { findPythia, revisionOf, type PythiaModel } from '../suite/pythia/models.ts';
import { knownBadSteps, knownFault } from '../suite/pythia/revisions.ts';
import { countValues, headShape, paddedVocabulary } from '../suite/pythia/sizes.ts';
import { formatBytes, formatTable } from './table.ts';

/** Prints the model, here or not; throws NotFoundError for a name that neither the suite nor a registration has. */
export function showModel(name: string, isJson: boolean): void {
  const home = homeFolder();
  const published = findPythia(name);
  const described = openCatalog(home)
    .models()
    .find((model) => model.name === name);
  const here = published === undefined || described?.isHere === true ? findModel(home, name) : undefined;
  const checkpoints = here === undefined ? [] : checkpointsOf(here);
  if (isJson) {
    const { configPath, tokenizerPath } = here ?? {};
    const schedule = here?.schedule ?? published?.schedule;
    const model = { ...described, configPath, tokenizerPath, schedule, checkpoints, published: describe(published) };
    process.stdout.write(`${JSON.stringify(model)}\n`);
    return;
  }
  const facts = [
    ['model', name],
    ['family', described === undefined ? '' : `${described.family}, seed ${described.seed ?? 'not known'}`],
    ['parameters', String(described?.numParameters)],
    ...(published === undefined ? [] : publishedFacts(published)),
    ...trainingFacts(here ?? published!), // findModel throws when there is neither
    ...(here === undefined ? [] : [['tokenizer', here.tokenizerPath]]),
    ['benchmarks', here?.benchmarks.join(', ') ?? ''],
    ...(published?.notes ?? []).map((note) => ['note', note]),
  ];
  const rows = checkpoints.map(({ checkpoint, hasOptimizerState, folder }) => [
    checkpoint,
    hasOptimizerState ? 'weights and moments' : 'weights',
    folder,
  ]);
  const what =
    rows.length === 0 ? 'no checkpoint is here\n' : formatTable([['CHECKPOINT', 'HOLDS', 'FOLDER'], ...rows]);
  process.stdout.write(`${formatTable(facts.filter(([, value]) => value !== ''))}\n${what}`);
}

/** Steps in few words: 0, 1, 2, 4, 1000 to 65000 by 1000. */
export function formatSteps(steps: readonly number[]): string {
  const words: string[] = [];
  for (let i = 0; i < steps.length;) {
    const gap = (steps[i + 1] ?? NaN) - steps[i]!;
    let last = i;
    while (steps[last + 1] === steps[last]! + gap) last++;
    if (last - i >= 3) words.push(`${steps[i]} to ${steps[last]} by ${gap}`);
    else words.push(String(steps[i]));
    i = last - i >= 3 ? last + 1 : i + 1;
  }
  return words.join(', ');
}

function checkpointsOf(model: SuiteModel) {
  return [...model.checkpoints].map(([step, folder]) => ({
    checkpoint: `step${step}`,
    hasOptimizerState: hasMoments(model, step),
    folder,
  }));
}

function describe(model: PythiaModel | undefined) {
  if (model === undefined) return null;
  const { size, publishedSteps, ...rest } = model;
  return {
    ...rest,
    size: { ...size, ...headShape(size), ...countValues(size), vocabSize: paddedVocabulary(size) },
    checkpoints: publishedSteps.map((step) => {
      const fault = knownFault(model.name, step);
      return { checkpoint: `step${step}`, revision: revisionOf(model, step), ...(fault && { knownFault: fault }) };
    }),
    checkpointBytes: checkpointBytes(model),
  };
}

/** Two bytes a value; a raw checkpoint has fp32 masters and two moments beside its weights. */
function checkpointBytes({ size, form }: PythiaModel): number {
  return (form === 'neox' ? 14 : 2) * countValues(size).numParameters;
}

function publishedFacts(model: PythiaModel): string[][] {
  const { size, repo, form, publishedSteps, isFinalOnly, labelsPerStep, precision, batchSize, dataset, dataSeed } =
    model;
  const { headSize, rotaryDims } = headShape(size);
  const bad = knownBadSteps(model.name);
  const thread = bad[0] === undefined ? '' : (knownFault(model.name, bad[0])?.thread ?? '');
  return [
    ['not embedding', String(countValues(size).numWithoutEmbeddings)],
    [
      'shape',
      `${size.numLayers} layers, width ${size.hiddenSize}, ${size.numHeads} heads of ${headSize}, ${rotaryDims} of them rotary`,
    ],
    ['vocabulary', `${paddedVocabulary(size)} with padding`],
    ['trained', `${precision}, ${batchSize} rows a step of ${dataset}, data seed ${dataSeed}`],
    [
      'on',
      `${size.numGpus} GPUs (v1): tensor parallel ${size.tensorParallel}, micro-batch ${size.microBatchSize} × ${size.accumulationSteps}`,
    ],
    ['hub', `${repo}${form === 'neox' ? ' (raw GPT-NeoX checkpoints)' : ''}`],
    ['published', `${publishedSteps.length} checkpoints: ${formatSteps(publishedSteps)}`],
    ['revisions', isFinalOnly ? 'main' : `stepN${labelsPerStep === 2 ? ' with N twice the step' : ''}`],
    ['size', `about ${formatBytes(checkpointBytes(model))} a checkpoint`],
    ['refused', bad.length === 0 ? '' : `${bad.length} (${thread}): ${formatSteps(bad)}`],
  ];
}

function trainingFacts({ schedule, endStep }: Pick<SuiteModel, 'schedule' | 'endStep'>): string[][] {
  const { peak, warmupSteps, floor, totalSteps } = schedule;
  return [
    ['learning rate', `${peak} after step ${warmupSteps}, cosine to ${floor} at ${totalSteps}`],
    ['last step', String(endStep)],
  ];
}
