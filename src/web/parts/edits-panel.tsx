// Proof that text was rewritten: how many rows changed, how often each rule was used over the steps, and samples before and after: in order,
// of one step, of one rule, or drawn by a seed.
import { useEffect, useState } from 'preact/hooks';
import type { Arm } from '../../job-spec.ts';
import type { Edits, Job } from '../api.ts';
import { readEditChoice, type EditChoice } from '../edit-choice.ts';
import { formatCount, formatValue } from '../format.ts';
import { isFinal } from '../live-job.ts';
import { usePolled } from '../polling.ts';
import { records } from '../records.ts';
import { setSetting } from '../route.ts';
import { EditFilters } from './edit-filters.tsx';
import { EditSample } from './edit-sample.tsx';
import { Notice } from './notice.tsx';
import { RuleTable } from './rule-table.tsx';

const REFRESH_EVERY_MS = 10_000;
const PAGE_SIZE = 6;
const SAMPLE_SIZE = 12;

export function EditsPanel({ job, settings }: { job: Job; settings: Readonly<Record<string, string>> }) {
  const hasEnded = isFinal(job.state);
  const choice = readEditChoice(settings);
  const { arm, rule, step, seed } = choice;
  const key = JSON.stringify([job.id, choice]);
  const ask = () =>
    records.edits(job.id, { arm, rule, step, seed, limit: seed === undefined ? PAGE_SIZE : SAMPLE_SIZE });
  const { data, error } = usePolled(ask, key, hasEnded || seed !== undefined ? 0 : REFRESH_EVERY_MS);
  if (error !== undefined && data === undefined) return <Notice tone="error" title={error.message} />;
  const isUnedited = data?.totals.numEdits === 0 && step === undefined;
  return (
    <>
      <EditFilters job={job} choice={choice} />
      {data === undefined && <p class="quiet-text">Loading the edits…</p>}
      {isUnedited && <NoEdits hasEnded={hasEnded} arm={arm} />}
      {data !== undefined && !isUnedited && (
        <>
          <Totals totals={data.totals} choice={choice} />
          <RuleTable job={job} choice={choice} byRule={data.totals.byRule} />
          <h2>{samplesWords(choice)}</h2>
          <SampleList first={data} id={job.id} choice={choice} key={key} />
        </>
      )}
    </>
  );
}

function samplesWords({ rule, step, seed }: EditChoice): string {
  const of = rule === undefined ? '' : ` of ${rule}`;
  const at = step === undefined ? '' : ` at step ${formatCount(step)}`;
  return seed === undefined ? `Samples${of}${at}` : `Samples${of}${at}, drawn by seed ${seed}`;
}

function NoEdits({ hasEnded, arm }: { hasEnded: boolean; arm: Arm }) {
  return (
    <Notice tone="empty" title={hasEnded ? 'No pronoun was changed' : 'No pronoun was changed so far'}>
      <p>
        {hasEnded
          ? `The ${arm} read the original text, or none at all. Check direction and probability of the rewriting, and what a batch holds: the new-job form previews one.`
          : `Edits appear here with the first rewritten step of the ${arm}. Control is never rewritten.`}
      </p>
    </Notice>
  );
}

function Totals({ totals, choice: { arm, step } }: { totals: Edits['totals']; choice: EditChoice }) {
  const { numEdits, numRowsChanged, numRows } = totals;
  return (
    <p>
      <strong class="figure">{formatCount(numEdits)}</strong> edits in{' '}
      <strong class="figure">{formatCount(numRowsChanged)}</strong> of {formatCount(numRows)} rows (
      {formatValue(numRowsChanged / Math.max(1, numRows), 'rate')}) of the {arm}
      {step !== undefined && ` at step ${formatCount(step)}`}.
    </p>
  );
}

function SampleList({ first, id, choice }: { first: Edits; id: string; choice: EditChoice }) {
  const [later, setLater] = useState<readonly Edits[]>([]);
  const [fault, setFault] = useState('');
  const cursor = (later.at(-1) ?? first).nextCursor;
  const { arm, rule, step } = choice;
  useEffect(() => setLater([]), [id, rule, step, arm]);
  const more = () => {
    if (cursor === null) return;
    records.edits(id, { arm, rule, step, cursor, limit: PAGE_SIZE }).then(
      (page) => setLater((before) => [...before, page]),
      (error: Error) => setFault(error.message),
    );
  };
  const edits = [first, ...later].flatMap((page) => page.edits);
  if (edits.length === 0) return <p class="quiet-text">No sample of such an edit is stored: a few of each step are.</p>;
  return (
    <>
      <ul class="samples">
        {edits.map((edit) => (
          <EditSample
            edit={edit}
            key={`${edit.step}/${edit.position}`}
            onStep={step === undefined ? () => setSetting('step', String(edit.step)) : undefined}
          />
        ))}
      </ul>
      {fault !== '' && <p role="alert">{fault}</p>}
      {cursor !== null && (
        <p class="more">
          <button type="button" onClick={more}>
            Show more samples
          </button>
        </p>
      )}
    </>
  );
}
