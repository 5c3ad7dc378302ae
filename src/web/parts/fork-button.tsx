// A new job from a checkpoint of this one: which arm's, which step, how far, and what is rewritten from there on.
import { useRef, useState } from 'preact/hooks';
import type { Job } from '../api.ts';
import { formatCount } from '../format.ts';
import { DIRECTION_WORDS } from '../job-words.ts';
import { usePolled } from '../polling.ts';
import { records, orders } from '../records.ts';
import { goTo, jobLink } from '../route.ts';

export function ForkButton({ job }: { job: Job }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOpen, setIsOpen] = useState(false);
  const open = () => {
    setIsOpen(true);
    dialog.current?.showModal();
  };
  return (
    <>
      <button type="button" onClick={open}>
        Fork…
      </button>
      <dialog ref={dialog} aria-label="Fork this job" class="fork" onClose={() => setIsOpen(false)}>
        <h2>Fork this job</h2>
        {isOpen && <ForkForm job={job} onClose={() => dialog.current?.close()} />}
      </dialog>
    </>
  );
}

function ForkForm({ job, onClose }: { job: Job; onClose: () => void }) {
  const { data, error } = usePolled(() => records.checkpoints(job.id), job.id, 0);
  const [chosen, setChosen] = useState<string>();
  const [numSteps, setNumSteps] = useState('');
  const [direction, setDirection] = useState<string>(job.spec.intervention.direction);
  const [fault, setFault] = useState('');
  if (error !== undefined) return <p role="alert">{error.message}</p>;
  if (data === undefined) return <p class="quiet-text">Loading the checkpoints…</p>;
  if (data.length === 0) return <p>No checkpoint of this job is kept: there is nothing to start from.</p>;
  const places = data.map(({ arm, step }) => ({ key: `${arm}/${step}`, arm, step }));
  const place = places.find(({ key }) => key === chosen) ?? places.at(-1)!; // there are some
  const submit = async (event: Event) => {
    event.preventDefault();
    const window = numSteps === '' ? {} : { window: { steps: Number(numSteps) } };
    try {
      const changes = { intervention: { direction }, ...window };
      goTo(jobLink(await orders.fork(job.id, { arm: place.arm, step: place.step, changes })));
      onClose();
    } catch (refusal) {
      setFault(refusal instanceof Error ? refusal.message : String(refusal));
    }
  };
  return (
    <form class="fork-form" onSubmit={(event) => void submit(event)}>
      <p>
        A new job starts from the chosen checkpoint, which is then kept for good, with everything else as it is here.
      </p>
      <label>
        Checkpoint
        <select value={place.key} onChange={(event) => setChosen(event.currentTarget.value)}>
          {places.map(({ key, arm, step }) => (
            <option value={key} key={key}>
              {arm}, step {formatCount(step)}
            </option>
          ))}
        </select>
      </label>
      <label>
        Steps to train
        <input
          type="text"
          inputMode="numeric"
          pattern="[1-9][0-9]{0,6}"
          placeholder="to the end of this job’s window"
          value={numSteps}
          onInput={(event) => setNumSteps(event.currentTarget.value)}
        />
      </label>
      <label>
        Direction of the rewriting
        <select value={direction} onChange={(event) => setDirection(event.currentTarget.value)}>
          {Object.entries(DIRECTION_WORDS).map(([one, words]) => (
            <option value={one} key={one}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {fault !== '' && <p role="alert">{fault}</p>}
      <p class="actions">
        <button type="button" onClick={onClose}>
          Not now
        </button>
        <button type="submit" class="primary">
          Submit the fork
        </button>
      </p>
    </form>
  );
}
