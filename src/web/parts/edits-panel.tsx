// Proof that text was rewritten: how many rows changed, how often each rule was used, and samples before and after.
import { useEffect, useState } from 'preact/hooks';
import { api, type Edits, type Job } from '../api.ts';
import { formatCount, formatValue } from '../format.ts';
import { isFinal } from '../live-job.ts';
import { usePolled } from '../polling.ts';
import { setSetting } from '../route.ts';
import { EditSample } from './edit-sample.tsx';
import { Notice } from './notice.tsx';

const REFRESH_EVERY_MS = 10_000;

export function EditsPanel({ job, rule }: { job: Job; rule: string | undefined }) {
  const hasEnded = isFinal(job.state);
  const key = JSON.stringify([job.id, rule]);
  const { data, error } = usePolled(() => api.edits(job.id, { rule }), key, hasEnded ? 0 : REFRESH_EVERY_MS);
  if (error !== undefined && data === undefined) return <Notice tone="error" title={error.message} />;
  if (data === undefined) return <p class="quiet-text">Loading the edits…</p>;
  const { totals } = data;
  if (totals.numEdits === 0) {
    return (
      <Notice tone="empty" title={hasEnded ? 'No pronoun was changed' : 'No pronoun was changed so far'}>
        <p>
          {hasEnded
            ? 'The intervention read the original text, or none at all.'
            : 'Edits appear here with the first rewritten step of the intervention. Control is never rewritten.'}
        </p>
      </Notice>
    );
  }
  return (
    <>
      <p>
        <strong class="figure">{formatCount(totals.numEdits)}</strong> edits in{' '}
        <strong class="figure">{formatCount(totals.numRowsChanged)}</strong> of {formatCount(totals.numRows)} rows (
        {formatValue(totals.numRowsChanged / Math.max(1, totals.numRows), 'rate')}) of the intervention.
      </p>
      <RuleTable byRule={totals.byRule} rule={rule} />
      <h3>Samples{rule !== undefined && ` of ${rule}`}</h3>
      <SampleList first={data} id={job.id} rule={rule} key={key} />
    </>
  );
}

function RuleTable({ byRule, rule }: { byRule: Readonly<Record<string, number>>; rule: string | undefined }) {
  const rules = Object.entries(byRule).toSorted(([, a], [, b]) => b - a);
  const most = rules[0]?.[1] ?? 1;
  return (
    <table class="figures rules">
      <caption>Edits by rule</caption>
      <thead>
        <tr>
          <th scope="col">rule</th>
          <th scope="col">edits</th>
          <th scope="col" class="forest">
            share
          </th>
          <th scope="col">samples</th>
        </tr>
      </thead>
      <tbody>
        {rules.map(([name, count]) => (
          <tr key={name}>
            <th scope="row">
              <code>{name}</code>
            </th>
            <td>{formatCount(count)}</td>
            <td class="forest">
              <div class="bar" aria-hidden="true" style={{ width: `${(100 * count) / most}%` }} />
            </td>
            <td>
              <button
                type="button"
                class="quiet"
                aria-pressed={rule === name}
                aria-label={`only these: ${name}`}
                onClick={() => setSetting('rule', rule === name ? undefined : name)}
              >
                only these
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function SampleList({ first, id, rule }: { first: Edits; id: string; rule: string | undefined }) {
  const [later, setLater] = useState<readonly Edits[]>([]);
  const [fault, setFault] = useState('');
  const cursor = (later.at(-1) ?? first).nextCursor;
  useEffect(() => setLater([]), [id, rule]);
  const more = () => {
    if (cursor === null) return;
    api.edits(id, { rule, cursor }).then(
      (page) => setLater((before) => [...before, page]),
      (error: Error) => setFault(error.message),
    );
  };
  const edits = [first, ...later].flatMap((page) => page.edits);
  return (
    <>
      <ul class="samples">
        {edits.map((edit) => (
          <EditSample edit={edit} key={`${edit.step}/${edit.position}`} />
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
