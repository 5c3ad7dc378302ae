// The form of a new job with its panels. What is filled in is kept for this tab until it is submitted.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api.ts';
import { ApiError, type SpecFault } from '../api-call.ts';
import { useAsked } from '../asked.ts';
import { readDraft, writeDraft } from '../draft.ts';
import { firstSpec, startOf, withModel } from '../first-spec.ts';
import { choicesOf, type Catalogue } from '../form-choices.ts';
import { valueAt, withValueAt, type Json, type JsonObject } from '../json-pointer.ts';
import { planning, type ModelTraining } from '../planning.ts';
import { goTo, jobLink } from '../route.ts';
import { faultsByField, focusFirstFault, SchemaForm } from '../schema-form.tsx';
import type { SpecForm } from '../spec-form.ts';
import { windowOf } from '../training-window.ts';
import { EstimatePanel } from './estimate-panel.tsx';
import { PreviewPanel } from './preview-panel.tsx';
import { SpecCommands } from './spec-commands.tsx';
import { WindowPicker } from './window-picker.tsx';

const ADVANCED = new Set(['/training', '/evaluation', '/backend', '/priority', '/tags']);

interface Props {
  catalogue: Catalogue;
  draftKey: string;
}

export function JobForm({ catalogue, draftKey }: Props) {
  const { spec, isRestored, edition, change, startOver } = useDraftedSpec(catalogue, draftKey);
  const { faults, failure, isSending, submit } = useSubmit(spec, draftKey);
  const element = useRef<HTMLFormElement>(null);
  const { training, again } = useTraining(valueAt(spec, '/model'));
  useEffect(() => {
    if (element.current !== null && faults.length > 0) focusFirstFault(element.current);
  }, [faults]);

  const { schema, models } = catalogue;
  const placed = faultsByField(faults, schema);
  const form: SpecForm = { root: schema, spec, faults: placed, choices: choicesOf(catalogue), onChange: change };
  const model = models.find(({ name }) => name === valueAt(spec, '/model'));
  const usualCheckpoint = model === undefined ? undefined : startOf(model);
  const window = training === undefined ? undefined : windowOf(spec, training);
  return (
    <form
      ref={element}
      class="job-form"
      noValidate
      aria-label="New job"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {failure !== '' && <Faults message={failure} general={placed.get('') ?? []} numFaults={faults.length} />}
      <div class="form-body" key={edition}>
        {isRestored && <Restored onStartOver={startOver} />}
        <SchemaForm
          form={form}
          advanced={ADVANCED}
          own={{
            '/checkpoint': <></>, // it belongs to the window
            '/window': (
              <WindowPicker
                form={form}
                training={training}
                usualCheckpoint={usualCheckpoint}
                onPulled={again}
                key={model?.name}
              />
            ),
          }}
          below={{ '/intervention': <PreviewPanel spec={spec} window={window} /> }}
        />
      </div>
      <aside class="submit" aria-label="Submit">
        <p class="actions">
          <button type="submit" class="primary" disabled={isSending}>
            {isSending ? 'Submitting…' : 'Submit job'}
          </button>
        </p>
        <EstimatePanel spec={spec} />
        <SpecCommands spec={spec} />
      </aside>
    </form>
  );
}

/** The spec so far: what was filled in before a reload, else the template or the first spec. `edition` counts fresh starts. */
function useDraftedSpec({ template, models, datasets }: Catalogue, key: string) {
  const fresh = () => template ?? firstSpec(models, datasets);
  const [state, setState] = useState(() => {
    const draft = readDraft(key);
    return { spec: draft ?? fresh(), isRestored: draft !== undefined, edition: 0 };
  });
  const change = (pointer: string, value: Json | undefined) =>
    setState((before) => {
      const next = withValueAt(before.spec, pointer, value);
      const spec = pointer === '/model' && typeof value === 'string' ? withModel(next, models, value) : next;
      writeDraft(key, spec);
      return { ...before, spec };
    });
  const startOver = () => {
    writeDraft(key, undefined);
    setState(({ edition }) => ({ spec: fresh(), isRestored: false, edition: edition + 1 }));
  };
  return { ...state, change, startOver };
}

function useSubmit(spec: JsonObject, draftKey: string) {
  const [faults, setFaults] = useState<readonly SpecFault[]>([]);
  const [failure, setFailure] = useState('');
  const [isSending, setIsSending] = useState(false);
  const submit = async () => {
    setIsSending(true);
    setFailure('');
    try {
      const id = await api.submit(spec);
      writeDraft(draftKey, undefined);
      goTo(jobLink(id));
    } catch (error) {
      setFaults(error instanceof ApiError ? error.faults : []);
      setFailure(error instanceof Error ? error.message : String(error));
      setIsSending(false);
    }
  };
  return { faults, failure, isSending, submit };
}

/** The training of the model that the form names, undefined until it is known; `again` asks anew. */
function useTraining(model: Json | undefined): { training: ModelTraining | undefined; again: () => void } {
  const name = typeof model === 'string' ? model : undefined;
  const { data, again } = useAsked(() => planning.training(name ?? ''), name, 0);
  return { training: data?.name === name ? data : undefined, again };
}

function Restored({ onStartOver }: { onStartOver: () => void }) {
  return (
    <p class="restored">
      The form holds what was filled in before.{' '}
      <button type="button" class="quiet" onClick={onStartOver}>
        Start over
      </button>
    </p>
  );
}

function Faults({ message, general, numFaults }: { message: string; general: readonly string[]; numFaults: number }) {
  return (
    <div class="notice error form-faults" role="alert" tabIndex={-1}>
      <p class="notice-title">
        {numFaults === 0
          ? 'The job was not accepted'
          : `The job was not accepted: ${numFaults} ${numFaults === 1 ? 'fault' : 'faults'}`}
      </p>
      {numFaults === 0 && <p>{message}</p>}
      {general.map((detail) => (
        <p key={detail}>{detail}</p>
      ))}
    </div>
  );
}
