// Which edits are shown: of which arm, at which step, in order or drawn by a seed.
import { useState } from 'preact/hooks';
import type { Job } from '../api.ts';
import type { EditChoice } from '../edit-choice.ts';
import { formatCount } from '../format.ts';
import { setSetting } from '../route.ts';
import { Choice } from './choice.tsx';

const FIRST_SEED = 1;

export function EditFilters({ job, choice }: { job: Job; choice: EditChoice }) {
  const { arm, rule, step, seed } = choice;
  const run = job.arms.find((one) => one.arm === arm);
  const hasPlacebo = job.arms.some((one) => one.arm === 'placebo');
  const draw = (next: number | undefined) => setSetting('seed', next === undefined ? undefined : String(next));
  return (
    <div class="edit-filters">
      {hasPlacebo && (
        <Choice
          label="Arm"
          value={arm}
          onChange={(next) => {
            setSetting('rule', undefined); // of the other arm
            setSetting('edits', next === 'placebo' ? 'placebo' : undefined);
          }}
        >
          {['intervention', 'placebo'].map((one) => [one, one])}
        </Choice>
      )}
      {run !== undefined && run.step > run.fromStep && (
        <StepChoice key={String(step)} step={step} first={run.fromStep} last={run.step - 1} />
      )}
      {seed === undefined ? (
        <button type="button" class="quiet" onClick={() => draw(FIRST_SEED)}>
          Draw a random sample
        </button>
      ) : (
        <>
          <button type="button" class="quiet" onClick={() => draw(seed + 1)}>
            Another sample
          </button>
          <button type="button" class="quiet" onClick={() => draw(undefined)}>
            In order of steps
          </button>
        </>
      )}
      {rule !== undefined && (
        <button type="button" class="quiet" onClick={() => setSetting('rule', undefined)}>
          All rules
        </button>
      )}
    </div>
  );
}

interface StepProps {
  step: number | undefined;
  first: number;
  last: number;
}

function StepChoice({ step, first, last }: StepProps) {
  const [typed, setTyped] = useState(step === undefined ? '' : String(step));
  const isStep = /^\d{1,9}$/.test(typed) && Number(typed) >= first && Number(typed) <= last;
  const show = (next: number | undefined) => setSetting('step', next === undefined ? undefined : String(next));
  return (
    <form
      class="step-fields"
      onSubmit={(event) => {
        event.preventDefault();
        if (typed === '') show(undefined);
        else if (isStep) show(Number(typed));
      }}
    >
      <label>
        Step{' '}
        <input
          type="text"
          inputMode="numeric"
          size={8}
          value={typed}
          placeholder="all"
          aria-describedby="edit-steps"
          aria-invalid={typed !== '' && !isStep}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <span class="minor" id="edit-steps">
        {formatCount(first)} to {formatCount(last)}
      </span>
      <button type="submit" class="quiet" disabled={typed !== '' && !isStep}>
        Show
      </button>
      {step !== undefined && (
        <>
          <button type="button" class="quiet" disabled={step <= first} onClick={() => show(step - 1)}>
            Step before
          </button>
          <button type="button" class="quiet" disabled={step >= last} onClick={() => show(step + 1)}>
            Step after
          </button>
          <button type="button" class="quiet" onClick={() => show(undefined)}>
            All steps
          </button>
        </>
      )}
    </form>
  );
}
