// Where training resumes: typed, or taken on a slider over all published checkpoints, whose scale is logarithmic as their steps are.
import { useState } from 'preact/hooks';
import { describedBy, FieldWords, type FieldFrame } from '../field-words.tsx';
import { formatCount, formatRate } from '../format.ts';
import { valueAt } from '../json-pointer.ts';
import { resolveSchema } from '../json-schema.ts';
import type { ModelTraining } from '../planning.ts';
import type { SpecForm } from '../spec-form.ts';
import { PullButton } from './errand-buttons.tsx';
import { useErrands } from '../errands-api.ts';
import { logPlace, stepAtPlace, stepOfCheckpoint } from '../training-window.ts';

const POINTER = '/checkpoint';
/** Places of the slider. */
const FINE = 1_000;
/** Checkpoints that PageUp and PageDown go over. */
const PAGE = 10;

type Checkpoint = ModelTraining['checkpoints'][number];

interface Props {
  form: SpecForm;
  training: ModelTraining | undefined;
  /** Is called when a checkpoint has come. */
  onPulled: () => void;
}

export function CheckpointPicker({ form, training, onPulled }: Props) {
  const held = valueAt(form.spec, POINTER);
  const step = stepOfCheckpoint(held);
  const schema = form.root.properties?.['checkpoint'];
  const frame: FieldFrame = {
    id: 'field-checkpoint',
    label: 'Checkpoint',
    help: schema === undefined ? '' : (resolveSchema(schema, form.root).description ?? ''),
    faults: form.faults.get(POINTER) ?? [],
    isRequired: false,
  };
  const choose = (next: number) => form.onChange(POINTER, `step${next}`);
  return (
    <div class="field checkpoint">
      <label for={frame.id}>{frame.label}</label>
      <div class="checkpoint-entry">
        <TypedCheckpoint frame={frame} held={held} onChange={(next) => form.onChange(POINTER, next)} />
        {training !== undefined && <CheckpointWords step={step} training={training} onChoose={choose} />}
      </div>
      {training !== undefined && <CheckpointSlider step={step} training={training} onChoose={choose} />}
      {training !== undefined && step !== undefined && (
        <PullChosen step={step} training={training} onPulled={onPulled} />
      )}
      <FieldWords frame={frame} />
    </div>
  );
}

/** The pull of a published checkpoint that is not here. */
function PullChosen({
  step,
  training: { name, checkpoints },
  onPulled,
}: Omit<ChoiceProps, 'onChoose'> & { step: number; onPulled: () => void }) {
  const errands = useErrands(name, onPulled);
  const found = checkpoints.find((one) => one.step === step);
  if (found === undefined || found.isHere || found.pullCommand === null) return null;
  return <PullButton model={name} step={step} fault={found.fault} errands={errands} />;
}

interface TypedProps {
  frame: FieldFrame;
  held: unknown;
  onChange: (next: string | undefined) => void;
}

/** A bare number is a step; what is no step goes to the server as it was typed, so that the answer names the fault. */
function TypedCheckpoint({ frame, held, onChange }: TypedProps) {
  const shownOf = (value: unknown) => (typeof value === 'string' ? value : '');
  const readingOf = (text: string) => (/^\d+$/.test(text.trim()) ? `step${Number(text)}` : text.trim());
  const [typed, setTyped] = useState(shownOf(held));
  return (
    <input
      id={frame.id}
      type="text"
      autoComplete="off"
      spellcheck={false}
      aria-invalid={frame.faults.length > 0 ? 'true' : undefined}
      aria-describedby={describedBy(frame)}
      value={readingOf(typed) === shownOf(held) ? typed : shownOf(held)}
      onInput={(event) => {
        setTyped(event.currentTarget.value);
        onChange(readingOf(event.currentTarget.value) || undefined);
      }}
    />
  );
}

interface ChoiceProps {
  step: number | undefined;
  training: ModelTraining;
  onChoose: (step: number) => void;
}

/** Whether the checkpoint can be used, and the way to it where it cannot. */
function CheckpointWords({ step, training: { checkpoints, endStep }, onChoose }: ChoiceProps) {
  const found = checkpoints.find((one) => one.step === step);
  const here = checkpoints.filter(({ isHere, step: at }) => isHere && at < endStep);
  const nearest =
    step === undefined
      ? undefined
      : stepAtPlace(
          here.map((one) => one.step),
          logPlace(step, endStep),
          endStep,
        );
  if (found?.isHere === true) return <span class="minor">{hereWords(found)}</span>;
  return (
    <span class="checkpoint-absent">
      <span class="tag">{found === undefined ? 'no such checkpoint' : 'not here'}</span>{' '}
      {found?.fault !== null && found !== undefined && <span class="minor">{found.fault}; </span>}
      {found?.pullCommand !== null && found !== undefined && <code>{found.pullCommand}</code>}{' '}
      {nearest !== undefined && (
        <button type="button" class="quiet" onClick={() => onChoose(nearest)}>
          Take step{nearest}, which is here
        </button>
      )}
    </span>
  );
}

function hereWords({ hasOptimizerState, learningRate, fault }: Checkpoint): string {
  const state = hasOptimizerState ? 'with optimizer state' : 'weights alone';
  return `here, ${state} · learning rate ${formatRate(learningRate)}${fault === null ? '' : ` · ${fault}`}`;
}

function CheckpointSlider({ step, training, onChoose }: ChoiceProps) {
  const { checkpoints, endStep } = training;
  const steps = checkpoints.filter((one) => one.step < endStep).map((one) => one.step);
  const at = step === undefined ? 0 : Math.round(FINE * logPlace(step, endStep));
  const move = (event: KeyboardEvent) => {
    const next = keyedStep(event.key, steps, step ?? 0);
    if (next === undefined) return;
    event.preventDefault(); // one published checkpoint a key, not one place of the scale
    onChoose(next);
  };
  return (
    <div class="checkpoint-slider">
      <input
        type="range"
        min={0}
        max={FINE}
        step={1}
        value={at}
        aria-label="Checkpoint, on a logarithmic scale"
        aria-valuetext={step === undefined ? 'none' : valueWords(checkpoints, step)}
        onKeyDown={move}
        onInput={(event) => {
          const next = stepAtPlace(steps, Number(event.currentTarget.value) / FINE, endStep);
          if (next !== undefined) onChoose(next);
        }}
      />
      <SliderTicks training={training} />
    </div>
  );
}

/** The checkpoint that a key leads to from a step; undefined for keys that move nothing. */
function keyedStep(key: string, steps: readonly number[], step: number): number | undefined {
  const place = steps.findLastIndex((one) => one <= step);
  const isBetween = steps[place] !== step;
  const places: Readonly<Record<string, number>> = {
    ArrowRight: place + 1,
    ArrowUp: place + 1,
    ArrowLeft: isBetween ? place : place - 1,
    ArrowDown: isBetween ? place : place - 1,
    PageUp: place + PAGE,
    PageDown: place - PAGE,
    Home: 0,
    End: steps.length - 1,
  };
  const next = places[key];
  return next === undefined ? undefined : steps[Math.min(steps.length - 1, Math.max(0, next))];
}

function valueWords(checkpoints: readonly Checkpoint[], step: number): string {
  const found = checkpoints.find((one) => one.step === step);
  const words = found === undefined ? 'no such checkpoint' : found.isHere ? 'here' : 'not here';
  return `step ${formatCount(step)}, ${words}`;
}

/** A line for each published checkpoint, a dot for those that are here, and the powers of ten. */
function SliderTicks({ training: { checkpoints, endStep } }: { training: ModelTraining }) {
  const x = (step: number) => 1000 * logPlace(step, endStep);
  const tens = [0, 1, 10, 100, 1_000, 10_000, 100_000].filter((step) => step < endStep / 2);
  return (
    <>
      <svg class="ticks" viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true">
        {checkpoints.map(({ step, isHere }) => (
          <line
            key={step}
            class={isHere ? 'is-here' : undefined}
            x1={x(step)}
            x2={x(step)}
            y1={0}
            y2={isHere ? 16 : 7}
          />
        ))}
      </svg>
      <div class="tick-words minor" aria-hidden="true">
        {[...tens, endStep].map((step) => (
          <span key={step} style={{ left: `${100 * logPlace(step, endStep)}%` }}>
            {formatCount(step)}
          </span>
        ))}
      </div>
      <p class="minor">Lines are published checkpoints, long ones those that are here.</p>
    </>
  );
}
