// A new job: the form drawn from the API's own schema, filled with names the server knows, or with an earlier job's spec; below it what the
// job would do to a batch, beside it what it would take.
import { useEffect } from 'preact/hooks';
import { api } from '../api.ts';
import type { Catalogue } from '../form-choices.ts';
import type { JsonObject } from '../json-pointer.ts';
import { JobForm } from '../parts/job-form.tsx';
import { Notice } from '../parts/notice.tsx';
import { usePolled } from '../polling.ts';
import { routeLink } from '../route.ts';
import './new-job.css';

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
            Pull one in the <a href={routeLink('catalog')}>catalog</a>, or register your own there, then reload this
            page.
          </p>
        </Notice>
      )}
      {data !== undefined && <JobForm catalogue={data} draftKey={`tiresias-new-job ${template ?? ''}`} />}
    </>
  );
}
