// What jobs can name: models, datasets, benchmarks and policies, what of it is here, and how to get more.
import { useEffect, useState } from 'preact/hooks';
import { catalogApi, type CatalogModel } from '../catalog-api.ts';
import { BenchmarkList, DatasetTable, PolicyList } from '../parts/catalog-lists.tsx';
import { ModelCard } from '../parts/model-card.tsx';
import { Notice } from '../parts/notice.tsx';
import { RegisterForm } from '../parts/register-form.tsx';
import { usePolled } from '../polling.ts';
import { routeLink, setSetting } from '../route.ts';
import './catalog.css';
import './new-job.css';

const PARTS = ['models', 'datasets', 'benchmarks', 'policies'] as const;

export function CatalogPage({ settings }: { settings: Readonly<Record<string, string>> }) {
  const part = PARTS.find((one) => one === settings['part']) ?? 'models';
  useEffect(() => {
    document.title = 'Catalog – Tiresias';
  }, []);
  return (
    <>
      <h1>Catalog</h1>
      <nav class="filters" aria-label="Parts of the catalog">
        {PARTS.map((one) => (
          <a key={one} href={routeLink('catalog', { part: one })} aria-current={one === part ? 'true' : undefined}>
            {one}
          </a>
        ))}
      </nav>
      {part === 'models' && <Models wanted={settings['name'] ?? ''} isHereOnly={settings['here'] === '1'} />}
      {part === 'datasets' && <Datasets />}
      {part === 'benchmarks' && <Benchmarks />}
      {part === 'policies' && <Policies />}
    </>
  );
}

function Models({ wanted, isHereOnly }: { wanted: string; isHereOnly: boolean }) {
  const { data, error, refresh } = usePolled(catalogApi.models, 'models', 0);
  const [typed, setTyped] = useState(wanted);
  const isShown = ({ name, isHere }: CatalogModel) => name.includes(typed.trim()) && (isHere || !isHereOnly);
  const shown = data?.filter(isShown) ?? [];
  return (
    <>
      <div class="catalog-tools" role="search" aria-label="Models">
        <label>
          Name{' '}
          <input
            type="search"
            value={typed}
            placeholder="part of the name"
            onInput={(event) => {
              setTyped(event.currentTarget.value);
              setSetting('name', event.currentTarget.value || undefined);
            }}
          />
        </label>
        <label>
          <input
            type="checkbox"
            checked={isHereOnly}
            onChange={(event) => setSetting('here', event.currentTarget.checked ? '1' : undefined)}
          />{' '}
          only those that are here
        </label>
        <span role="status" class="minor">
          {data !== undefined && `${shown.length} of ${data.length} models`}
        </span>
      </div>
      <Trouble error={error} isLoading={data === undefined} />
      <ul class="entries">
        {shown.map((model) => (
          <ModelCard key={model.name} model={model} onPulled={refresh} />
        ))}
      </ul>
      {data !== undefined && shown.length === 0 && <p>No model has such a name.</p>}
      <RegisterForm kind="models" title="Register a checkpoint folder of the server’s" onRegistered={refresh} />
    </>
  );
}

function Datasets() {
  const { data, error, refresh } = usePolled(catalogApi.datasets, 'datasets', 0);
  return (
    <>
      <Trouble error={error} isLoading={data === undefined} />
      {data !== undefined && <DatasetTable datasets={data} />}
      <RegisterForm
        kind="datasets"
        title="Register token files of the server’s, or behind an address"
        onRegistered={refresh}
      />
    </>
  );
}

function Benchmarks() {
  const { data, error } = usePolled(catalogApi.benchmarks, 'benchmarks', 0);
  return (
    <>
      <p class="minor">
        Every set is known by the SHA-256 of its files, which the server checks each time it lists them.
      </p>
      <Trouble error={error} isLoading={data === undefined} />
      {data !== undefined && <BenchmarkList benchmarks={data} />}
    </>
  );
}

function Policies() {
  const { data, error } = usePolled(catalogApi.policies, 'policies', 0);
  return (
    <>
      <Trouble error={error} isLoading={data === undefined} />
      {data !== undefined && <PolicyList policies={data} />}
    </>
  );
}

function Trouble({ error, isLoading }: { error: Error | undefined; isLoading: boolean }) {
  if (error !== undefined) return <Notice tone="error" title={error.message} />;
  return isLoading ? <p class="quiet-text">Loading…</p> : null;
}
