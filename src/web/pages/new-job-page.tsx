// A new job: the form drawn from the API's own schema, filled with names the server knows, or with an earlier job's spec.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, ApiError, type ModelEntry, type NamedEntry, type SpecFault } from '../api.ts';
import { checkpointNames, firstSpec, withModel } from '../first-spec.ts';
import { valueAt, withValueAt, type Json, type JsonObject } from '../json-pointer.ts';
import type { JsonSchema } from '../json-schema.ts';
import { Notice } from '../parts/notice.tsx';
import { CopyButton } from '../parts/copy-button.tsx';
import { usePolled } from '../polling.ts';
import { goTo, jobLink } from '../route.ts';
import { curlCommand } from '../curl.ts';
import { faultsByField, focusFirstFault, SchemaForm } from '../schema-form.tsx';
import type { Choices } from '../spec-form.ts';

const ADVANCED = new Set(['/training', '/evaluation', '/backend', '/priority', '/tags']);

interface Catalogue {
  readonly schema: JsonSchema;
  readonly models: readonly ModelEntry[];
  readonly datasets: readonly NamedEntry[];
  readonly benchmarks: readonly NamedEntry[];
  readonly template: JsonObject | undefined;
}

async function loadCatalogue(templateId: string | undefined): Promise<Catalogue> {
  const [schema, models, datasets, benchmarks, template] = await Promise.all([
    api.jobSchema(),
    api.models(),
    api.datasets(),
    api.benchmarks(),
    templateId === undefined ? undefined : api.job(templateId),
  ]);
  // A spec as the API stores it is plain JSON.
  return { schema, models, datasets, benchmarks, template: template?.spec as unknown as JsonObject | undefined };
}

export function NewJobPage({ template }: { template: string | undefined }) {
  const { data, error } = usePolled(() => loadCatalogue(template), template ?? '', 0);
  useEffect(() => {
    document.title = 'New job – Tiresias';
  }, []);
  return (
    <>
      <h1>New job</h1>
      {error !== undefined && (
        <Notice tone="error" title={error.message}>
          <p>The form is drawn from what the server knows. Reload the page when it answers again.</p>
        </Notice>
      )}
      {data === undefined && error === undefined && <p class="quiet-text">Loading the form…</p>}
      {data?.models.length === 0 && (
        <Notice tone="empty" title="No model is registered">
          <p>
            Fetch one with <code>tiresias models pull</code> or add your own with <code>tiresias models add</code>, then
            reload this page.
          </p>
        </Notice>
      )}
      {data !== undefined && <JobForm catalogue={data} />}
    </>
  );
}

function JobForm({ catalogue }: { catalogue: Catalogue }) {
  const { schema, models } = catalogue;
  const [spec, setSpec] = useState(() => catalogue.template ?? firstSpec(models, catalogue.datasets));
  const [faults, setFaults] = useState<readonly SpecFault[]>([]);
  const [failure, setFailure] = useState('');
  const [isSending, setIsSending] = useState(false);
  const element = useRef<HTMLFormElement>(null);
  const placed = faultsByField(faults, schema);

  useEffect(() => {
    if (element.current !== null && faults.length > 0) focusFirstFault(element.current);
  }, [faults]);

  const onChange = (pointer: string, value: Json | undefined) =>
    setSpec((before) => {
      const next = withValueAt(before, pointer, value);
      return pointer === '/model' && typeof value === 'string' ? withModel(next, models, value) : next;
    });
  const submit = async () => {
    setIsSending(true);
    setFailure('');
    try {
      goTo(jobLink(await api.submit(spec)));
    } catch (error) {
      setFaults(error instanceof ApiError ? error.faults : []);
      setFailure(error instanceof Error ? error.message : String(error));
      setIsSending(false);
    }
  };
  const general = placed.get('') ?? [];
  return (
    <form
      ref={element}
      noValidate
      aria-label="New job"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {failure !== '' && <Faults message={failure} general={general} numFaults={faults.length} />}
      <div class="form-body">
        <SchemaForm
          form={{ root: schema, spec, faults: placed, choices: choicesOf(catalogue, spec), onChange }}
          advanced={ADVANCED}
        />
      </div>
      <SubmitBar spec={spec}>
        <button type="submit" class="primary" disabled={isSending}>
          {isSending ? 'Submitting…' : 'Submit job'}
        </button>
      </SubmitBar>
    </form>
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

function SubmitBar({ spec, children }: { spec: JsonObject; children: ComponentChildren }) {
  const command = curlCommand(spec, new URL('v1/jobs', document.baseURI).href);
  return (
    <aside class="submit" aria-label="Submit">
      <p class="actions">
        {children} <CopyButton text={command}>Copy as curl</CopyButton>
      </p>
      <details class="raw" open>
        <summary>The same as a command</summary>
        <pre tabIndex={0}>{command}</pre>
        <p class="help">
          Fields that hold their default are left out; the server fills them in and stores them with the job.
        </p>
      </details>
    </aside>
  );
}

/** Benchmarks by name, which are scored by likelihood, and beside them their other protocols. */
function benchmarkChoices(benchmarks: readonly NamedEntry[]): Choices {
  const here = benchmarks.filter(({ isThere }) => isThere !== false);
  const ways = here.flatMap(({ name, protocols = ['likelihood'] }) =>
    protocols.map((protocol) => ({ name, protocol })),
  );
  return {
    names: ways.filter(({ protocol }) => protocol === 'likelihood').map(({ name }) => name),
    more: ways
      .filter(({ protocol }) => protocol !== 'likelihood')
      .map(({ name, protocol }) => ({ words: `${name}, ${protocol}`, value: { benchmark: name, protocol } })),
    isOpen: false,
  };
}

function choicesOf({ models, datasets, benchmarks }: Catalogue, spec: JsonObject): Record<string, Choices> {
  const named = (entries: readonly NamedEntry[]): Choices => ({
    names: entries.filter(({ isThere }) => isThere !== false).map(({ name }) => name),
    isOpen: false,
  });
  const model = models.find(({ name }) => name === valueAt(spec, '/model'));
  return {
    '/model': named(models),
    '/dataset': named(datasets),
    '/checkpoint': { names: model === undefined ? [] : checkpointNames(model), isOpen: true },
    '/evaluation/benchmarks': benchmarkChoices(benchmarks),
  };
}
