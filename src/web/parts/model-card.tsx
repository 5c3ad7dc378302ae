// One model of the catalog: what it is, which of its checkpoints are here, and how to get and check others.
import { useState } from 'preact/hooks';
import { LearningRateChart } from '../charts/learning-rate-chart.tsx';
import type { CatalogModel } from '../catalog-api.ts';
import { HelpText } from '../field-words.tsx';
import { formatCount } from '../format.ts';
import { planning, type ModelTraining } from '../planning.ts';
import { usePolled } from '../polling.ts';
import { useErrands, type Errands } from '../errands-api.ts';
import { CommandLine } from './command-line.tsx';
import { PullButton, VerifyModelButton } from './errand-buttons.tsx';

interface Props {
  model: CatalogModel;
  /** Is called when one of its checkpoints has come. */
  onPulled: () => void;
}

export function ModelCard({ model, onPulled }: Props) {
  const [isOpen, setIsOpen] = useState(false);
  const { name, family, seed, numParameters, numLayers, hiddenSize, isHere } = model;
  return (
    <li>
      <details class="entry" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
        <summary>
          <span class="entry-name">{name}</span>
          <span class={isHere ? 'badge state-succeeded' : 'badge'}>{isHere ? '✓ here' : '○ not here'}</span>
          <span>{formatMillions(numParameters)} parameters</span>
          <span class="minor">
            {numLayers} layers × {formatCount(hiddenSize)}
          </span>
          <span class="minor">{checkpointWords(model)}</span>
          <span class="minor">{seedWords(family, seed, name)}</span>
        </summary>
        {isOpen && <ModelDetail model={model} onPulled={onPulled} />}
      </details>
    </li>
  );
}

function formatMillions(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toPrecision(2)}\u00a0B`;
  return `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)}\u00a0M`;
}

function checkpointWords({ checkpoints, numPublished }: CatalogModel): string {
  const numStates = checkpoints.filter(({ hasOptimizerState }) => hasOptimizerState).length;
  const states = numStates === 0 ? '' : `, ${numStates} with optimizer state`;
  return `${checkpoints.length} of ${numPublished} checkpoints here${states}`;
}

function seedWords(family: string, seed: number | null, name: string): string {
  const kin = family === name ? '' : `family ${family}, `;
  return seed === null ? `${kin}seed not known` : `${kin}seed ${seed}`;
}

function ModelDetail({ model, onPulled }: Props) {
  const { data, error, refresh } = usePolled(() => planning.training(model.name), model.name, 0);
  const errands = useErrands(model.name, () => {
    refresh();
    onPulled();
  });
  return (
    <div class="entry-body">
      <p>
        Trained on {model.trainedOn ?? 'a dataset that is not known'} for {formatCount(model.endStep)} steps
        {model.trainedOn !== null && model.dataset === null && '; that dataset is not registered here'}.
      </p>
      {model.notes.map((note) => (
        <p class="minor" key={note}>
          <HelpText>{note}</HelpText>
        </p>
      ))}
      {error !== undefined && <p class="fault">{error.message}</p>}
      {data !== undefined && <Checkpoints training={data} errands={errands} />}
    </div>
  );
}

interface CheckpointsProps {
  training: ModelTraining;
  errands: Errands;
}

function Checkpoints({ training, errands }: CheckpointsProps) {
  const { checkpoints } = training;
  const here = checkpoints.filter(({ isHere }) => isHere);
  const faulty = checkpoints.filter(({ fault }) => fault !== null);
  return (
    <>
      <h2>Checkpoints</h2>
      <div class="checkpoint-strip" aria-hidden="true">
        {checkpoints.map(({ step, isHere, hasOptimizerState, fault }) => (
          <span
            key={step}
            class={hasOptimizerState ? 'has-state' : isHere ? 'is-here' : fault === null ? undefined : 'is-faulty'}
            title={`step${step}`}
          />
        ))}
      </div>
      <p class="minor">
        One box a published step, in order: filled where it is here, with a frame where optimizer state is, crossed
        where the hub is known to serve other weights.
      </p>
      <p>
        Here:{' '}
        {here.length === 0
          ? 'none'
          : here
              .map(({ step, hasOptimizerState }) => `step${step}${hasOptimizerState ? ' (with optimizer state)' : ''}`)
              .join(', ')}
        .
      </p>
      {faulty.length > 0 && (
        <p class="minor">
          {faulty.length} revisions are known to hold something else:{' '}
          {[...new Set(faulty.map(({ fault }) => fault))].join('; ')}.
        </p>
      )}
      <Fetch training={training} errands={errands} />
      {here.length > 0 && <Verify training={training} errands={errands} />}
      <LearningRateChart training={training} window={undefined} otherwise="The learning rate of the whole training." />
    </>
  );
}

/** Gets one of the checkpoints that are not here; first the one before the last 7 %. */
function Fetch({ training: { checkpoints, endStep, name }, errands }: CheckpointsProps) {
  const absent = checkpoints.filter(
    ({ isHere, pullCommand, fault }) => !isHere && pullCommand !== null && fault === null,
  );
  const usual = absent.findLast(({ step }) => step <= 0.93 * endStep) ?? absent.at(-1);
  const [step, setStep] = useState(usual?.step);
  const chosen = checkpoints.find((one) => one.step === step);
  if (chosen === undefined || chosen.pullCommand === null) return null;
  // A checkpoint that has just come stays chosen until another one is.
  const offered = absent.includes(chosen) ? absent : [chosen, ...absent];
  return (
    <>
      <p>
        <label>
          Fetch{' '}
          <select
            aria-label={`Checkpoint of ${name} to fetch`}
            value={String(step)}
            onChange={(event) => setStep(Number(event.currentTarget.value))}
          >
            {offered.map((one) => (
              <option key={one.step} value={String(one.step)}>
                step{one.step}
              </option>
            ))}
          </select>
        </label>{' '}
        on the server’s machine: <CommandLine text={chosen.pullCommand} />
      </p>
      {chosen.isHere ? (
        <p>✓ step{chosen.step} is here.</p>
      ) : (
        <PullButton model={name} step={chosen.step} fault={null} errands={errands} />
      )}
    </>
  );
}

/** Checks one of the checkpoints that are here, or all. */
function Verify({ training: { checkpoints, name }, errands }: CheckpointsProps) {
  const [step, setStep] = useState<number | undefined>(undefined);
  return (
    <>
      <p>
        <label>
          Check what is here – shapes, finite numbers, and that no checkpoint is another one:{' '}
          <select
            aria-label={`Checkpoint of ${name} to verify`}
            value={String(step ?? '')}
            onChange={({ currentTarget: { value } }) => setStep(value === '' ? undefined : Number(value))}
          >
            <option value="">all</option>
            {checkpoints
              .filter(({ isHere }) => isHere)
              .map((one) => (
                <option key={one.step} value={String(one.step)}>
                  step{one.step}
                </option>
              ))}
          </select>
        </label>{' '}
        <CommandLine text={`tiresias models verify ${name}`} />
      </p>
      <VerifyModelButton model={name} step={step} errands={errands} />
    </>
  );
}
