// A new sweep: its document as YAML or JSON, pasted or from a file, checked by the server while one writes, and the command that does the same.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, type SpecFault } from '../api-call.ts';
import { formatCount } from '../format.ts';
import { refusalWords } from '../refusal-words.ts';
import { goTo, routeLink } from '../route.ts';
import { readDocument } from '../sweeps/document.ts';
import { sweepsApi, type SweepPlan } from '../sweeps-api.ts';
import { CopyButton } from './copy-button.tsx';

/** A sweep that runs on a fresh machine. */
const EXAMPLE = `name: dose
base:
  model: nano-1m
  checkpoint: step1330
  dataset: nano-stories
grid:
  intervention.direction: [masculine-to-feminine, feminine-to-masculine]
  intervention.probability: [0.1, 0.25, 0.5, 1]
maxParallel: 1
`;
const COMMAND = 'tiresias sweep dose.yaml --watch';
const CHECK_AFTER_MS = 600;

type Check = { readonly plan: SweepPlan } | { readonly message: string; readonly faults: readonly SpecFault[] };

export function NewSweep({ isOpen }: { isOpen: boolean }) {
  const [isOpenAtFirst] = useState(isOpen); // it must not close while one writes
  const [text, setText] = useState(EXAMPLE);
  const [isSending, setIsSending] = useState(false);
  const [refusal, setRefusal] = useState<Check>();
  const check = useCheck(text);
  const submit = async () => {
    setIsSending(true);
    try {
      const { sweep } = await sweepsApi.submit(await readDocument(text));
      goTo(routeLink(`sweeps/${encodeURIComponent(sweep.id)}`));
    } catch (error) {
      setRefusal(refusalOf(error));
    }
    setIsSending(false);
  };
  return (
    <details class="fold new-sweep" open={isOpenAtFirst}>
      <summary>New sweep</summary>
      <p>
        Any field of a job can be an axis of the grid, by its dotted path. <code>maxParallel</code>, <code>budget</code>{' '}
        and <code>stop</code> bound it.
      </p>
      <label for="sweep-document">The sweep, as YAML or JSON</label>
      <textarea
        id="sweep-document"
        rows={12}
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setRefusal(undefined);
          setText(event.currentTarget.value);
        }}
      />
      <CheckWords check={refusal ?? check} />
      <p class="actions">
        <button
          type="button"
          class="primary"
          disabled={isSending || check === undefined || !('plan' in check)}
          onClick={() => void submit()}
        >
          {isSending ? 'Submitting…' : 'Submit sweep'}
        </button>
        <label class="button file">
          From a file{' '}
          <input
            type="file"
            accept=".yaml,.yml,.json"
            class="sr-only"
            onChange={(event) => void event.currentTarget.files?.[0]?.text().then(setText)}
          />
        </label>
        <CopyButton text={text}>Copy the file</CopyButton>
      </p>
      <p class="help">
        The same from a terminal: <code>{COMMAND}</code>; with <code>--dry-run</code> it only lists the points.
      </p>
    </details>
  );
}

/** What the server says of the document, some time after the last letter. */
function useCheck(text: string): Check | undefined {
  const [state, setState] = useState<{ text: string; check: Check }>();
  useEffect(() => {
    let isCurrent = true;
    const ask = async (): Promise<Check> => ({ plan: await sweepsApi.plan(await readDocument(text)) });
    const timer = setTimeout(() => {
      void ask()
        .catch(refusalOf)
        .then((check) => isCurrent && setState({ text, check }));
    }, CHECK_AFTER_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text]);
  return state?.text === text ? state.check : undefined;
}

function refusalOf(error: unknown): Check {
  if (error instanceof ApiError) return { message: error.message, faults: error.faults };
  return { message: refusalWords(error), faults: [] };
}

const MOST_NAMED = 6;

function CheckWords({ check }: { check: Check | undefined }) {
  if (check === undefined) {
    return (
      <p role="status" class="quiet-text">
        Checking the points…
      </p>
    );
  }
  if (!('plan' in check)) {
    return (
      <div role="alert" class="fault">
        {check.faults.length === 0
          ? check.message
          : check.faults.map(({ pointer, detail }) => (
              <div key={`${pointer} ${detail}`}>
                <code>{pointer}</code> {detail}
              </div>
            ))}
      </div>
    );
  }
  const { points, numTrainings, numTrainingsIfShared = numTrainings } = check.plan;
  const named = points.slice(0, MOST_NAMED).map(({ name }) => name);
  return (
    <p role="status" class="help">
      <strong>
        {formatCount(points.length)} jobs, {formatCount(numTrainings)} trainings
        {numTrainingsIfShared < numTrainings && `, ${formatCount(numTrainingsIfShared)} when they share their controls`}
      </strong>
      : {named.join('; ')}
      {points.length > MOST_NAMED && `; and ${formatCount(points.length - MOST_NAMED)} more`}
    </p>
  );
}
