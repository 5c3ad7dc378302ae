// What the job in the form would take on the server's machine, and how small an effect it could show.
import { useAsked } from '../asked.ts';
import { formatBytes, formatCount, formatDuration } from '../format.ts';
import { valueAt, type JsonObject } from '../json-pointer.ts';
import { planning, type Estimate, type Power } from '../planning.ts';
import { jobLink } from '../route.ts';
import { AskedProblem } from './asked-problem.tsx';

const DELAY_MS = 500;
const PARTS = ['model', 'checkpoint', 'dataset', 'window', 'intervention', 'arms', 'training', 'evaluation', 'backend'];

export function EstimatePanel({ spec }: { spec: JsonObject }) {
  const key = JSON.stringify(PARTS.map((part) => valueAt(spec, `/${part}`) ?? null));
  const { data, error, isAsking } = useAsked((signal) => planning.estimate(spec, signal), key, DELAY_MS);
  return (
    <section class="estimate" aria-labelledby="estimate-title" aria-busy={isAsking}>
      <div class="estimate-head">
        <h2 id="estimate-title">Estimate</h2>
        <span role="status" class="minor">
          {isAsking && 'reckoning…'}
        </span>
      </div>
      {error !== undefined && <AskedProblem error={error} what="No estimate" />}
      {data !== undefined && error === undefined && (
        <div class={isAsking ? 'is-old' : undefined}>
          <Takes estimate={data} />
          <Shows estimate={data} />
        </div>
      )}
    </section>
  );
}

function Takes({ estimate }: { estimate: Estimate }) {
  const { window, time, memory, disk, backend, numTokens, resume, microBatchSize, recompute } = estimate;
  const { trainingSeconds, basis } = time;
  return (
    <dl class="takes">
      <div>
        <dt>Time</dt>
        <dd>
          {trainingSeconds === null ? 'not known yet' : formatDuration(trainingSeconds)}
          <span class="minor">{basis}</span>
        </dd>
      </div>
      <div>
        <dt>Work</dt>
        <dd>
          {formatCount(window.numSteps)} steps
          <span class="minor">
            {formatCount(numTokens)} tokens, all arms; resumed by {resume}, {microBatchSize} rows at a time
            {recompute === 'layers' && ', layers computed twice'}
          </span>
          <span class="minor">
            on {backend.name}, {backend.basis}
          </span>
        </dd>
      </div>
      {estimate.sharing?.parts.some(({ state }) => state !== 'not here') && <Left sharing={estimate.sharing} />}
      <Need name="Memory" needed={memory.residentBytes} there={memory.machineBytes} whose="of the server's machine" />
      <Need name="Disk" needed={disk.bytes} there={disk.freeBytes} whose="free" />
    </dl>
  );
}

type Part = NonNullable<Estimate['sharing']>['parts'][number];

function partWords(part: Part['part'], scoring: Part['scoring']): string {
  if (scoring === null) return `${part} is`;
  const { benchmark, protocol } = scoring;
  return `published scores of ${benchmark}${protocol === 'likelihood' ? '' : ` by ${protocol}`} are`;
}

/** What is left when other jobs have done, or do, the rest. */
function Left({ sharing: { numTrainings, parts, left, basis } }: { sharing: NonNullable<Estimate['sharing']> }) {
  const { trainingSeconds, numTokens, diskBytes } = left;
  const taken = parts.filter(({ state }) => state !== 'not here');
  return (
    <div class="left">
      <dt>Left</dt>
      <dd>
        {left.numTrainings} of {numTrainings} {numTrainings === 1 ? 'training' : 'trainings'}
        <span class="minor">
          {trainingSeconds !== null && `${formatDuration(trainingSeconds)}, `}
          {formatCount(numTokens)} tokens, {formatBytes(diskBytes)} of disk
        </span>
        {taken.map(({ part, scoring, state, by }) => (
          <span class="minor" key={`${part} ${JSON.stringify(scoring)}`}>
            {partWords(part, scoring)} {state === 'here' ? 'here already' : 'under way'}
            {by !== null && (
              <>
                : <a href={jobLink(by.job)}>{by.name}</a>
              </>
            )}
          </span>
        ))}
        <span class="minor">{basis}</span>
      </dd>
    </div>
  );
}

interface NeedProps {
  name: string;
  needed: number;
  there: number;
  whose: string;
}

function Need({ name, needed, there, whose }: NeedProps) {
  const isTooMuch = needed > there;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {formatBytes(needed)}{' '}
        <span class="minor-inline">
          of {formatBytes(there)} {whose}
        </span>
        <span class={isTooMuch ? 'need too-much' : 'need'} aria-hidden="true">
          <span style={{ width: `${Math.min(100, (100 * needed) / Math.max(1, there))}%` }} />
        </span>
        {isTooMuch && <strong class="warning">It does not fit: {formatBytes(needed - there)} are missing.</strong>}
      </dd>
    </div>
  );
}

function Shows({ estimate: { evaluations } }: { estimate: Estimate }) {
  const { numPerArm, benchmarks } = evaluations;
  if (benchmarks.length === 0) return <p class="minor">Nothing is scored.</p>;
  return (
    <>
      <h3>What it can show</h3>
      <p class="minor">
        {numPerArm} {numPerArm === 1 ? 'evaluation' : 'evaluations'} an arm. The smallest true difference of the arms
        that is found four times in five, when they differ in so many of the items:
      </p>
      <div class="scroll" tabIndex={0} role="group" aria-label="Detectable differences">
        <table class="powers">
          <thead>
            <tr>
              <th scope="col">Benchmark</th>
              {(benchmarks.find(({ detectable }) => detectable.length > 0)?.detectable ?? []).map(
                ({ shareDiffering }) => (
                  <th scope="col" key={shareDiffering}>
                    {100 * shareDiffering} %
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {benchmarks.map((power) => (
              <PowerRow key={`${power.benchmark} ${power.protocol}`} power={power} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function PowerRow({ power }: { power: Power }) {
  const { benchmark, protocol, numItems, detectable, observed, metric } = power;
  const seen = observed?.effects.find((effect) => effect.metric === metric)?.detectable ?? null;
  return (
    <tr>
      <th scope="row">
        {benchmark}
        <div class="minor">
          {protocol === 'likelihood' ? '' : `${protocol}, `}
          {formatCount(numItems)} items
          {observed !== null && seen !== null && (
            <>
              {'; '}
              <a href={jobLink(observed.job)}>the newest job like it</a> could find {points(seen)}
            </>
          )}
        </div>
      </th>
      {detectable.map(({ shareDiffering, difference }) => (
        <td key={shareDiffering} class="figure">
          {difference === null ? 'none' : points(difference)}
        </td>
      ))}
    </tr>
  );
}

/** A difference of rates without its sign. */
function points(difference: number): string {
  return `${(100 * difference).toFixed(1)}\u00a0pt`;
}
