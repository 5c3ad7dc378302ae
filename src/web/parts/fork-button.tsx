// A new job from a checkpoint of this one: which arm's, which step, how far, and what is rewritten from there on.
import { useState } from 'preact/hooks';
import { DIRECTIONS_OF } from '../../job-spec.ts';
import type { Job } from '../api.ts';
import { formatCount } from '../format.ts';
import { DIRECTION_WORDS } from '../job-words.ts';
import { usePolled } from '../polling.ts';
import { records, orders, type CheckpointRow } from '../records.ts';
import { goTo, jobLink } from '../route.ts';
import { Choice } from './choice.tsx';
import { DialogButton, DialogForm } from './dialog-form.tsx';

export function ForkButton({ job }: { job: Job }) {
  return (
    <DialogButton button="Fork…" title="Fork this job">
      {(close) => <Fork job={job} onClose={close} />}
    </DialogButton>
  );
}

interface Props {
  job: Job;
  onClose: () => void;
}

function Fork({ job, onClose }: Props) {
  const { data, error } = usePolled(() => records.checkpoints(job.id), job.id, 0);
  if (error !== undefined) return <p role="alert">{error.message}</p>;
  if (data === undefined) return <p class="quiet-text">Loading the checkpoints…</p>;
  if (data.length === 0) return <p>No checkpoint of this job is kept: there is nothing to start from.</p>;
  return <ForkForm job={job} checkpoints={data} onClose={onClose} />;
}

/** Whether nothing of the job's own window lies behind a checkpoint. */
function isAtEnd(job: Job, { arm, step }: CheckpointRow): boolean {
  return job.arms.some((run) => run.arm === arm && step >= run.toStep);
}

function keyOf({ arm, step }: CheckpointRow): string {
  return `${arm}/${step}`;
}

function placeWords({ arm, step }: CheckpointRow): string {
  return `${arm}, step ${formatCount(step)}`;
}

function ForkForm({ job, checkpoints, onClose }: Props & { checkpoints: readonly CheckpointRow[] }) {
  const { policy, direction: own } = job.spec.intervention;
  const open = checkpoints.filter((one) => !isAtEnd(job, one));
  const usual = open.findLast(({ arm }) => arm === 'intervention') ?? open.at(-1) ?? checkpoints.at(-1)!; // there are some
  const [chosen, setChosen] = useState(keyOf(usual));
  const [numSteps, setNumSteps] = useState('');
  const [direction, setDirection] = useState<string>(own);
  const place = checkpoints.find((one) => keyOf(one) === chosen) ?? usual;
  const mustSay = isAtEnd(job, place);
  const submit = async () => {
    const window = numSteps === '' ? {} : { window: { steps: Number(numSteps) } };
    const changes = { intervention: { direction }, ...window };
    goTo(jobLink(await orders.fork(job.id, { arm: place.arm, step: place.step, changes })));
  };
  return (
    <DialogForm yes="Submit the fork" action={submit} onClose={onClose}>
      <p>
        A new job starts from the chosen checkpoint, which is then kept for good, with everything else as it is here.
      </p>
      <Choice label="Checkpoint" value={keyOf(place)} onChange={setChosen}>
        {checkpoints.map((one) => [
          keyOf(one),
          placeWords(one) + (isAtEnd(job, one) ? ' (the end of the window)' : ''),
        ])}
      </Choice>
      <label>
        Steps to train
        <input
          type="text"
          inputMode="numeric"
          pattern="[1-9][0-9]{0,6}"
          title="a whole number"
          required={mustSay}
          placeholder={mustSay ? 'beyond this job’s window' : 'to the end of this job’s window'}
          value={numSteps}
          onInput={(event) => setNumSteps(event.currentTarget.value)}
        />
      </label>
      <Choice label="Direction of the rewriting" value={direction} onChange={setDirection}>
        {DIRECTIONS_OF[policy].map((one) => [one, DIRECTION_WORDS[one]])}
      </Choice>
    </DialogForm>
  );
}
