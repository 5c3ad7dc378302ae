// What may change of a job after it was submitted, on its own page: its name, its priority while it waits, its tags.
import { useState } from 'preact/hooks';
import { api, type Job, type JobChanges } from '../api.ts';
import { isFinal } from '../live-job.ts';
import { DialogButton, DialogForm } from './dialog-form.tsx';

interface Props {
  job: Job;
  onDone: () => void;
}

export function ChangeButton({ job, onDone }: Props) {
  return (
    <DialogButton button="Change…" title="Change this job">
      {(close) => <ChangeForm job={job} onDone={onDone} onClose={close} />}
    </DialogButton>
  );
}

function ChangeForm({ job, onDone, onClose }: Props & { onClose: () => void }) {
  const [before] = useState({ name: job.name, priority: String(job.priority), tags: (job.tags ?? []).join(' ') });
  const [now, setNow] = useState(before);
  const submit = async () => {
    // What was not touched here may have been changed elsewhere meanwhile, and stays so.
    const changes: JobChanges = {
      ...(now.name !== before.name && { name: now.name }),
      ...(now.priority !== before.priority && { priority: Number(now.priority) }),
      ...(now.tags !== before.tags && { tags: now.tags.split(/[\s,]+/).filter((tag) => tag !== '') }),
    };
    await api.change(job.id, changes);
    onDone();
  };
  const put = (field: keyof typeof now) => (event: { readonly currentTarget: HTMLInputElement }) =>
    setNow({ ...now, [field]: event.currentTarget.value });
  return (
    <DialogForm yes="Save" action={submit} onClose={onClose}>
      <p>Its numbers depend on none of this.</p>
      <label>
        Name
        <input type="text" required maxLength={200} value={now.name} onInput={put('name')} />
      </label>
      {!isFinal(job.state) && (
        <label>
          Priority
          <input
            type="text"
            inputMode="numeric"
            pattern="-?[0-9]{1,3}"
            title="a whole number from −100 to 100"
            required
            value={now.priority}
            onInput={put('priority')}
          />
          <span class="help">From −100 to 100; higher is begun earlier.</span>
        </label>
      )}
      <label>
        Tags
        <input type="text" placeholder="words to find it by" value={now.tags} onInput={put('tags')} />
      </label>
    </DialogForm>
  );
}
