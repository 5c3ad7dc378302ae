// How to repeat the job: its manifest, the command that submits it, and everything that was resolved for it.
import { manifestAddress, type Job } from '../api.ts';
import { curlCommand } from '../curl.ts';
import type { JsonObject } from '../json-pointer.ts';
import { CopyButton } from './copy-button.tsx';

export function SpecPanel({ job }: { job: Job }) {
  const spec = job.spec as unknown as JsonObject; // a spec as the API stores it is plain JSON
  const command = curlCommand(spec, new URL('v1/jobs', document.baseURI).href);
  return (
    <>
      <p>
        {job.attempt > 0 ? (
          <>
            The <a href={manifestAddress(job.id)}>manifest</a> holds every hash, seed, resolved setting and version.
          </>
        ) : (
          'The manifest with every hash, seed, resolved setting and version is written when the job begins.'
        )}{' '}
        <CopyButton text={command}>Copy as curl</CopyButton>
      </p>
      <details class="raw">
        <summary>The job’s spec as a command</summary>
        <pre tabIndex={0}>{command}</pre>
      </details>
      {job.plan !== null && (
        <details class="raw">
          <summary>What was resolved for it</summary>
          <pre tabIndex={0}>{JSON.stringify(job.plan, null, 2)}</pre>
        </details>
      )}
      <p class="minor">
        Job <code>{job.id}</code>
      </p>
    </>
  );
}
