// How far each arm is, with the time it still needs as far as this page has seen it move.
import { useRef } from 'preact/hooks';
import type { Arm } from '../../job-spec.ts';
import type { ArmProgress, Job, JobArm, Progress } from '../api.ts';
import { formatCount, formatDuration } from '../format.ts';
import { isFinal } from '../live-job.ts';
import { jobLink } from '../route.ts';
import { addSighting, secondsLeft, type Sighting } from '../time-left.ts';
import { ArmName } from './arm-mark.tsx';
import { ProgressBar } from './progress-bar.tsx';

export function ArmProgressList({ job }: { job: Job }) {
  const seen = useRef(new Map<Arm, Sighting[]>());
  const burnIn = isFinal(job.state) ? null : job.progress?.burnIn;
  if (burnIn) return <BurnInRow {...burnIn} />;
  if (job.arms.length === 0) {
    return job.state === 'queued' ? (
      <p class="quiet-text">
        Waiting for a worker. If none takes it, start one with <code>tiresias worker</code>.
      </p>
    ) : null;
  }
  const total = job.progress?.secondsLeft ?? null;
  return (
    <div class="arms">
      {job.arms.map((run) => {
        const progress = job.progress?.arms[run.arm];
        const step = progress?.step ?? run.step;
        const sightings = addSighting(seen.current.get(run.arm) ?? [], { step, atMs: Date.now() });
        seen.current.set(run.arm, sightings);
        const left = isFinal(job.state) ? null : secondsLeft(sightings, run.toStep);
        return (
          <ArmRow key={run.arm} run={run} progress={progress} step={step} left={left} hasEnded={isFinal(job.state)} />
        );
      })}
      {total !== null && !isFinal(job.state) && <p class="minor">About {formatDuration(total)} left in all.</p>}
    </div>
  );
}

/** Before the arms, where the checkpoint has no optimizer state. */
function BurnInRow({ numDone, numSteps, lossNats, waitsFor }: NonNullable<Progress['burnIn']>) {
  const words = [
    ...(waitsFor === undefined ? [] : [`waiting for the burn-in of job ${waitsFor}`]),
    `${formatCount(numDone)} of ${formatCount(numSteps)} steps before the checkpoint`,
    ...(lossNats === null ? [] : [`loss ${lossNats.toFixed(3)}`]),
  ];
  return (
    <div class="arms">
      <div class="arm-row">
        <span>burn-in</span>
        <ProgressBar share={numDone / numSteps} label="Progress of the burn-in" />
        <span class="minor figure">{words.join(' · ')}</span>
      </div>
      <p class="minor">Adam’s moments are estimated first; the arms start from them.</p>
    </div>
  );
}

interface RowProps {
  run: JobArm;
  progress: ArmProgress | undefined;
  step: number;
  left: number | null;
  hasEnded: boolean;
}

function ArmRow({ run, progress, step, left, hasEnded }: RowProps) {
  const phase = hasEnded ? run.state : (progress?.phase ?? run.state);
  const isScoredOnly = run.arm === 'published';
  const share = run.toStep === run.fromStep ? 0 : (step - run.fromStep) / (run.toStep - run.fromStep);
  const words = [
    phase,
    ...(isScoredOnly
      ? [`step ${formatCount(run.toStep)}, only scored`]
      : [`step ${formatCount(step)} of ${formatCount(run.toStep)}`]),
    ...(left !== null && phase === 'training' ? [`about ${formatDuration(left)} left`] : []),
    ...(typeof progress?.tokensPerSecond === 'number' && phase === 'training'
      ? [`${formatCount(progress.tokensPerSecond)} tokens/s`]
      : []),
  ];
  return (
    <div class="arm-row">
      <ArmName arm={run.arm} />
      {isScoredOnly ? (
        <span />
      ) : (
        <ProgressBar share={Math.min(1, Math.max(0, share))} label={`Progress of ${run.arm}`} />
      )}
      <span class="minor figure">
        {words.join(' · ')}
        {run.takenFrom && (
          <>
            {' · taken from '}
            <a href={jobLink(run.takenFrom.job)}>{run.takenFrom.name}</a>
          </>
        )}
        {(run.takenScores ?? []).map(({ benchmark, job, name }) => (
          <span key={`${benchmark} ${job}`}>
            {` · ${benchmark} taken from `}
            <a href={jobLink(job)}>{name}</a>
          </span>
        ))}
      </span>
    </div>
  );
}
