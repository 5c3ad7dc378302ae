// One model with the whole of its training: every checkpoint that its suite published, what is here of them, and the learning rate over
// all steps. Reads files, touches no tensors.
import type { ModelTraining } from './api/catalog.ts';
import { NotFoundError } from './errors.ts';
import { pullCommand } from './facts.ts';
import { findModel, hasMoments, listModels } from './suite/models.ts';
import { findPythia } from './suite/pythia/models.ts';
import { knownFault } from './suite/pythia/revisions.ts';
import { learningRate } from './train/schedule.ts';

/** Points of the curve beside those of published steps: as many as a page is wide. */
const NUM_POINTS = 400;

/** The training of a model that is here, or of one of the Pythia suite. Throws NotFoundError or DataError. */
export function modelTraining(home: string, name: string): ModelTraining {
  const isHere = listModels(home).some((model) => model.name === name);
  const published = findPythia(name);
  if (!isHere && published === undefined) {
    throw new NotFoundError(`there is no model ${name}: GET /v1/models names all`);
  }
  const here = isHere ? findModel(home, name) : undefined;
  const { schedule, endStep, publishedSteps } = here ?? published!; // one of them is there
  const steps = new Set([...publishedSteps, ...(here?.checkpoints.keys() ?? [])]);
  const even = Array.from({ length: NUM_POINTS + 1 }, (_, i) => Math.round((i * endStep) / NUM_POINTS));
  const drawn = [...new Set([...even, Math.round(schedule.warmupSteps)])]
    .filter((step) => step <= endStep)
    .sort((a, b) => a - b);
  const rateOf = (step: number) => learningRate(schedule, step);
  return {
    name,
    endStep,
    checkpoints: [...steps]
      .sort((a, b) => a - b)
      .map((step) => ({
        ...{ step, learningRate: rateOf(step), isPublished: publishedSteps.includes(step) },
        isHere: here?.checkpoints.has(step) ?? false,
        hasOptimizerState: here !== undefined && hasMoments(here, step),
        fault: knownFault(name, step)?.words ?? null,
        pullCommand: pullCommand(name, step) ?? null,
      })),
    learningRates: { step: drawn, learningRate: drawn.map(rateOf) },
  };
}
