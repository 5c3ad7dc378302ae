// The batch that a trainer would see, before and after rewriting, while the form is filled in.
import { useState } from 'preact/hooks';
import { useAsked } from '../asked.ts';
import { formatCount } from '../format.ts';
import { valueAt, type Json, type JsonObject } from '../json-pointer.ts';
import { planning, type BatchPreview } from '../planning.ts';
import type { TrainingWindow } from '../training-window.ts';
import { AskedProblem } from './asked-problem.tsx';
import { Choice } from './choice.tsx';
import { PreviewedRowCard } from './previewed-row.tsx';
import { RuleLegend, rulesOf } from './rule-legend.tsx';

const DELAY_MS = 700;
/** What of a job a batch depends on. */
const PARTS = ['/model', '/checkpoint', '/dataset', '/window', '/intervention', '/training/rowsPerStep'];

interface Props {
  spec: JsonObject;
  window: TrainingWindow | undefined;
}

export function PreviewPanel({ spec, window }: Props) {
  const [isLive, setIsLive] = useState(true);
  const [typedStep, setTypedStep] = useState('');
  const [arm, setArm] = useState<'intervention' | 'placebo'>('intervention');
  const step = /^\d{1,9}$/.test(typedStep) ? Number(typedStep) : undefined;
  const isFaulty = typedStep !== '' && step === undefined;
  const parts = PARTS.map((pointer) => valueAt(spec, pointer) ?? null);
  const key = isLive && !isFaulty ? JSON.stringify([parts, step, arm]) : undefined;
  const asked = useAsked((signal) => planning.preview({ job: spec, step, arm }, signal), key, DELAY_MS);
  const { data, error, isAsking } = asked;
  const anotherBatch = () => {
    if (window !== undefined) setTypedStep(String(window.from + Math.floor(Math.random() * (window.to - window.from))));
  };
  return (
    <section class="preview group" aria-labelledby="preview-title" aria-busy={isAsking}>
      <h2 id="preview-title">Preview of a batch</h2>
      <div class="preview-tools">
        <label>
          Step{' '}
          <input
            type="text"
            inputMode="numeric"
            value={typedStep}
            placeholder={window === undefined ? 'first' : String(window.from)}
            aria-invalid={isFaulty ? 'true' : undefined}
            onInput={(event) => setTypedStep(event.currentTarget.value.trim())}
          />
        </label>
        <button type="button" class="quiet" disabled={window === undefined} onClick={anotherBatch}>
          Another batch
        </button>
        {hasPlacebo(valueAt(spec, '/arms')) && (
          <Choice label="Arm" value={arm} onChange={(next) => setArm(next === 'placebo' ? 'placebo' : 'intervention')}>
            {['intervention', 'placebo'].map((one) => [one, one])}
          </Choice>
        )}
        <label>
          <input type="checkbox" checked={isLive} onChange={(event) => setIsLive(event.currentTarget.checked)} /> live
        </label>
        {isAsking && isLive && (
          <button type="button" class="quiet" onClick={asked.cancel}>
            Cancel
          </button>
        )}
        {!isAsking && isLive && data === undefined && error === undefined && (
          <button type="button" class="quiet" onClick={asked.again}>
            Ask for it
          </button>
        )}
      </div>
      <p role="status" class="minor">
        {error === undefined && statusWords({ isAsking: isAsking && isLive, isFaulty, data })}
      </p>
      {error !== undefined && !isAsking && <AskedProblem error={error} what="No preview" />}
      {data !== undefined && error === undefined && <Batch batch={data} isOld={isAsking} />}
    </section>
  );
}

function hasPlacebo(arms: Json | undefined): boolean {
  return Array.isArray(arms) && arms.includes('placebo');
}

interface Status {
  isAsking: boolean;
  isFaulty: boolean;
  data: BatchPreview | undefined;
}

function statusWords({ isAsking, isFaulty, data }: Status): string {
  if (isFaulty) return 'A step is a whole number.';
  if (isAsking)
    return data === undefined ? 'Rewriting the batch…' : 'Rewriting the batch anew; below is the one before.';
  if (data === undefined) return '';
  const { step, numEdits, numRowsChanged, numRows, rows } = data;
  const shown = rows.length < numRowsChanged ? `, the first ${rows.length} of them below` : '';
  const edits = `${formatCount(numEdits)} ${numEdits === 1 ? 'edit' : 'edits'}`;
  return `Step ${formatCount(step)}: ${edits} in ${numRowsChanged} of ${numRows} rows${shown}.`;
}

function Batch({ batch, isOld }: { batch: BatchPreview; isOld: boolean }) {
  const rules = rulesOf(batch.editsByRule);
  if (batch.numEdits === 0) {
    return (
      <p>Nothing in this batch is rewritten. A window without a single edit fails, unless the job expects that.</p>
    );
  }
  return (
    <div class={isOld ? 'is-old' : undefined}>
      <RuleLegend rules={rules} />
      <ol class="previewed" tabIndex={0} aria-label="Rewritten rows">
        {batch.rows.map((row) => (
          <PreviewedRowCard key={row.row} row={row} rules={rules} />
        ))}
      </ol>
    </div>
  );
}
