// What bounds a sweep and what has ended its points.
import { formatMoment } from '../format.ts';
import { budgetWords, holdWords, pointWords, ruleWords, settledWords, stoppedWords } from '../sweeps/sweep-words.ts';
import type { Sweep } from '../sweeps-api.ts';
import { Notice } from './notice.tsx';
import { RepeatedLooks } from './stopped-point.tsx';

export function SweepFacts({ sweep }: { sweep: Sweep }) {
  const hold = holdWords(sweep);
  return (
    <>
      {sweep.message !== null && <Notice tone="note" title={sweep.message} />}
      {hold !== null && <Notice tone="note" title={`No further job is begun: ${hold}.`} />}
      <dl class="facts">
        <div>
          <dt>At once</dt>
          <dd>{sweep.maxParallel === null ? 'as many as workers take' : `${sweep.maxParallel} jobs at most`}</dd>
        </div>
        <div>
          <dt>Budget</dt>
          <dd>{budgetWords(sweep)}</dd>
        </div>
        <div>
          <dt>Stop rules</dt>
          <dd>
            {(sweep.stop ?? []).length === 0
              ? 'none'
              : sweep.stop?.map((rule) => (
                  <span class="rule-words" key={JSON.stringify(rule)}>
                    a point is settled when {ruleWords(rule)}
                  </span>
                ))}
          </dd>
        </div>
        <div>
          <dt>Submitted</dt>
          <dd>
            {formatMoment(sweep.createdAt)}
            {sweep.submittedBy && <span class="minor"> by {sweep.submittedBy.name}</span>}
          </dd>
        </div>
      </dl>
      {sweep.settled.length > 0 && (
        <details class="fold" open>
          <summary>
            {sweep.settled.length === 1 ? '1 point met a stop rule' : `${sweep.settled.length} points met a stop rule`}
          </summary>
          <ul>
            {sweep.settled.map((settled) => (
              <li key={JSON.stringify(settled.point)}>
                <strong>{pointWords(settled.point) || 'the whole sweep'}</strong>{' '}
                <span class="tag">{stoppedWords(settled)}</span> {settledWords(settled)}
              </li>
            ))}
          </ul>
          <RepeatedLooks />
        </details>
      )}
    </>
  );
}
