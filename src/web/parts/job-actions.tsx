// What can be asked of a job in its state: pause, resume, retry, cancel, fork, change, archive, or a new job like it.
import type { Job } from '../api.ts';
import { isFinal } from '../live-job.ts';
import { orders } from '../records.ts';
import { routeLink } from '../route.ts';
import { ActionButton } from './action-button.tsx';
import { ChangeButton } from './change-button.tsx';
import { ForkButton } from './fork-button.tsx';

/** What the same job would fail by again. */
const FOR_GOOD = ['no-edits', 'bad-spec'];

export function isRetried({ state, reason }: Job): boolean {
  return state === 'failed' && !FOR_GOOD.includes(reason ?? '');
}

export function JobActions({ job, onDone }: { job: Job; onDone: () => void }) {
  const { id, state } = job;
  const hasEnded = isFinal(state);
  const give = (order: Parameters<typeof orders.give>[1]) => async () => {
    await orders.give(id, order);
    onDone();
  };
  const isArchived = typeof job.archivedAt === 'string';
  const archive = async () => {
    await orders.archive(id, !isArchived);
    onDone();
  };
  return (
    <div class="actions">
      {['queued', 'running', 'recovering'].includes(state) && <ActionButton action={give('pause')}>Pause</ActionButton>}
      {['paused', 'pausing'].includes(state) && <ActionButton action={give('resume')}>Resume</ActionButton>}
      {isRetried(job) && <ActionButton action={give('retry')}>Retry from the last checkpoint</ActionButton>}
      {!hasEnded && state !== 'cancelling' && (
        <ActionButton
          action={give('cancel')}
          question={{
            title: `Cancel “${job.name}”?`,
            yes: 'Yes, cancel it',
            no: 'Keep it',
            body: (
              <p>
                Training stops at the next step. Steps and scores recorded so far stay; the job cannot be continued.
              </p>
            ),
          }}
        >
          Cancel job
        </ActionButton>
      )}
      {job.arms.some(({ arm, step, fromStep }) => arm !== 'published' && step > fromStep) && <ForkButton job={job} />}
      <a class="button" href={routeLink('new', { from: id })}>
        Use as template
      </a>
      <ChangeButton job={job} onDone={onDone} />
      {hasEnded && <ActionButton action={archive}>{isArchived ? 'Take out of the archive' : 'Archive'}</ActionButton>}
    </div>
  );
}
