// What a job has left on disk, and all that is needed to repeat it: checkpoints with sizes and places, the manifest, the spec as a command.
import { manifestAddress, type Job } from '../api.ts';
import { formatBytes, formatCount, formatMoment } from '../format.ts';
import { isFinal } from '../live-job.ts';
import { usePolled } from '../polling.ts';
import { records, type CheckpointRow } from '../records.ts';
import { ArmName } from './arm-mark.tsx';
import { CopyButton } from './copy-button.tsx';
import { Notice } from './notice.tsx';
import { SpecPanel } from './spec-panel.tsx';

const REFRESH_EVERY_MS = 10_000;

export function FilesPanel({ job }: { job: Job }) {
  return (
    <>
      <h2>Checkpoints</h2>
      <Checkpoints job={job} />
      <h2>Manifest</h2>
      <Manifest job={job} />
      <h2>Spec</h2>
      <SpecPanel job={job} />
    </>
  );
}

function Checkpoints({ job }: { job: Job }) {
  const everyMs = isFinal(job.state) ? 0 : REFRESH_EVERY_MS;
  const { data, error } = usePolled(() => records.checkpoints(job.id), job.id, everyMs);
  if (error !== undefined && data === undefined) return <Notice tone="error" title={error.message} />;
  if (data === undefined) return <p class="quiet-text">Loading the checkpoints…</p>;
  if (data.length === 0) {
    return (
      <p class="quiet-text">
        {isFinal(job.state)
          ? 'No checkpoint is kept.'
          : 'No checkpoint has been stored yet: the first comes with the first evaluation, or as training.checkpointEvery says.'}
      </p>
    );
  }
  const sum = data.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  return (
    <>
      <div class="scroll" role="region" aria-label="Checkpoints" tabIndex={0}>
        <table class="figures">
          <caption class="sr-only">Stored checkpoints</caption>
          <thead>
            <tr>
              <th scope="col">arm and step</th>
              <th scope="col">size</th>
              <th scope="col">stored</th>
              <th scope="col">folder</th>
            </tr>
          </thead>
          <tbody>
            {data.map((row) => (
              <Checkpoint key={`${row.arm}/${row.step}`} row={row} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="minor">
        {formatCount(data.length)} checkpoints, {formatBytes(sum)} in all. Pinned ones are kept for good, because a fork
        starts from them.
      </p>
    </>
  );
}

function Checkpoint({ row }: { row: CheckpointRow }) {
  const { arm, step, sizeBytes, recordedAt, attempt, path, isPinned } = row;
  return (
    <tr>
      <th scope="row">
        <ArmName arm={arm} /> {formatCount(step)} {isPinned && <span class="tag">pinned</span>}
      </th>
      <td>{formatBytes(sizeBytes)}</td>
      <td>
        {formatMoment(recordedAt)}
        <div class="minor">attempt {attempt}</div>
      </td>
      <td class="words">
        <code>{path}</code> <CopyButton text={path}>Copy the path</CopyButton>
      </td>
    </tr>
  );
}

function Manifest({ job }: { job: Job }) {
  if (job.attempt === 0)
    return (
      <p class="quiet-text">The manifest with every hash, seed and version is written when a worker begins the job.</p>
    );
  return <LoadedManifest job={job} />;
}

function LoadedManifest({ job }: { job: Job }) {
  const { data, error } = usePolled(() => records.manifest(job.id), `${job.id} ${job.state}`, 0);
  if (error !== undefined && data === undefined) return <p role="status">{error.message}</p>;
  if (data === undefined) return <p class="quiet-text">Loading the manifest…</p>;
  // What each step proves is long, and for programs; it is in the file.
  const head = Object.entries(data).filter(([key]) => key !== 'arms');
  const text = JSON.stringify(Object.fromEntries(head), null, 2);
  return (
    <>
      <p class="actions">
        <CopyButton text={JSON.stringify(data, null, 2)}>Copy the manifest</CopyButton>
        <a href={manifestAddress(job.id)} download={`manifest-${job.id}.json`}>
          Download it
        </a>
        <span class="minor">
          Check it with <code>tiresias verify {job.id}</code>
        </span>
      </p>
      <details class="raw">
        <summary>The manifest without the proofs of each step</summary>
        <pre tabIndex={0}>{text}</pre>
      </details>
    </>
  );
}
