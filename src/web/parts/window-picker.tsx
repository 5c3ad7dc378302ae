// Which steps a job trains: from a checkpoint to an end that is said in one of three ways, or the last per cent of the whole training.
import { useState } from 'preact/hooks';
import { LearningRateChart } from '../charts/learning-rate-chart.tsx';
import { describedBy, FieldWords, type FieldFrame } from '../field-words.tsx';
import { formatCount } from '../format.ts';
import { valueAt, type Json } from '../json-pointer.ts';
import { resolveSchema } from '../json-schema.ts';
import type { ModelTraining } from '../planning.ts';
import { TextControl } from '../schema-control.tsx';
import type { SpecForm } from '../spec-form.ts';
import { stepOfCheckpoint, windowOf } from '../training-window.ts';
import { CheckpointPicker } from './checkpoint-picker.tsx';

const MODES = ['end', 'to', 'steps', 'finalFraction'] as const;
type Mode = (typeof MODES)[number];

const MODE_WORDS: Readonly<Record<Mode, string>> = {
  end: 'to the end of the training',
  to: 'to a step',
  steps: 'a number of steps',
  finalFraction: 'the last per cent of the training',
};
const USUAL_FRACTION = 0.07;

interface Props {
  form: SpecForm;
  training: ModelTraining | undefined;
  /** The checkpoint to go back to from a share of the training. */
  usualCheckpoint: string | undefined;
  /** Is called when a checkpoint has come. */
  onPulled: () => void;
}

export function WindowPicker({ form, training, usualCheckpoint, onPulled }: Props) {
  const [mode, setMode] = useState<Mode>(() => modeOf(form));
  const choose = (next: Mode) => {
    const window = valueAt(form.spec, '/window');
    const isKept = next !== 'end' && valueAt(window, `/${next}`) !== undefined;
    setMode(next);
    if (!isKept) form.onChange('/window', firstWindow(next, form, training));
    if (next === 'finalFraction') form.onChange('/checkpoint', undefined);
    else if (mode === 'finalFraction') form.onChange('/checkpoint', usualCheckpoint);
  };
  const window = training === undefined ? undefined : windowOf(form.spec, training);
  return (
    <div class="window-picker">
      {mode !== 'finalFraction' && <CheckpointPicker form={form} training={training} onPulled={onPulled} />}
      <div class="window-end">
        <div class="options" role="radiogroup" aria-label="Length of the window">
          {MODES.map((one) => (
            <label key={one}>
              <input type="radio" name="window-mode" checked={mode === one} onChange={() => choose(one)} />{' '}
              {MODE_WORDS[one]}
            </label>
          ))}
        </div>
        {mode !== 'end' && <WindowField key={mode} mode={mode} form={form} />}
        {mode === 'finalFraction' && window !== undefined && (
          <p class="minor">It starts at step {formatCount(window.from)}, the nearest published checkpoint.</p>
        )}
        <HiddenFaults form={form} shown={mode} />
      </div>
      {training !== undefined && (
        <LearningRateChart training={training} window={window} otherwise="No window is chosen." />
      )}
    </div>
  );
}

function modeOf({ spec }: SpecForm): Mode {
  return MODES.find((mode) => mode !== 'end' && valueAt(spec, `/window/${mode}`) !== undefined) ?? 'end';
}

/** What a way of saying the window begins with: what the window is already, where that is known. */
function firstWindow(mode: Mode, { spec }: SpecForm, training: ModelTraining | undefined): Json | undefined {
  const window = training === undefined ? undefined : windowOf(spec, training);
  const from = stepOfCheckpoint(valueAt(spec, '/checkpoint'));
  const end = window?.to ?? training?.endStep;
  if (mode === 'finalFraction') return { finalFraction: USUAL_FRACTION };
  if (mode === 'to' && end !== undefined) return { to: end };
  if (mode === 'steps' && end !== undefined && from !== undefined && end > from) return { steps: end - from };
  return undefined;
}

/** The number that goes with a way; a share is shown as per cent. */
function WindowField({ mode, form }: { mode: Exclude<Mode, 'end'>; form: SpecForm }) {
  const pointer = `/window/${mode}`;
  const group = form.root.properties?.['window'];
  const schema = group === undefined ? undefined : resolveSchema(group, form.root).properties?.[mode];
  const frame: FieldFrame = {
    id: `field-window-${mode}`,
    label: { to: 'To', steps: 'Steps', finalFraction: 'Final per cent' }[mode],
    help: schema?.description ?? '',
    faults: form.faults.get(pointer) ?? [],
    isRequired: false,
  };
  const scale = mode === 'finalFraction' ? 100 : 1;
  const scaled = (value: Json | undefined, by: number) =>
    typeof value === 'number' ? Number((value * by).toPrecision(12)) : value; // 0.07 × 100 is 7, not 7.000000000000001
  return (
    <div class="field">
      <label for={frame.id}>{frame.label}</label>
      <TextControl
        kind="number"
        suggestions={[]}
        value={scaled(valueAt(form.spec, pointer), scale)}
        fallback={undefined}
        onChange={(next) => form.onChange(pointer, scaled(next, 1 / scale))}
        input={{
          id: frame.id,
          'aria-invalid': frame.faults.length > 0 ? 'true' : undefined,
          'aria-describedby': describedBy(frame),
          'aria-required': undefined,
        }}
      />
      <FieldWords frame={frame} />
    </div>
  );
}

/** Faults at fields that the chosen way does not show. */
function HiddenFaults({ form, shown }: { form: SpecForm; shown: Mode }) {
  const hidden = ['to', 'steps', 'finalFraction'].filter((key) => key !== shown);
  const details = [
    ...hidden.flatMap((key) => form.faults.get(`/window/${key}`) ?? []),
    ...(shown === 'finalFraction' ? (form.faults.get('/checkpoint') ?? []) : []),
  ];
  if (details.length === 0) return null;
  return (
    <p class="fault" role="alert" tabIndex={-1} aria-invalid="true">
      {details.join('; ')}
    </p>
  );
}
