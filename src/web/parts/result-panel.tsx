// What the job found: effects with intervals, why a rate near one half may mislead, and the scores of each arm.
import type { Job, ScoreRow, Scores } from '../api.ts';
import { HalvesPlot } from '../charts/halves-plot.tsx';
import { isFinal } from '../live-job.ts';
import {
  groupRows,
  halvesOf,
  labelsFor,
  latestEffects,
  latestScores,
  mainEffect,
  placeKey,
  protocolWords,
  type Group,
} from '../scores.ts';
import { formatCount, formatDifference, formatInterval, formatP } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { EffectTable } from './effect-table.tsx';
import { Notice } from './notice.tsx';
import { PublishedTable } from './published-table.tsx';
import { ScoreTable } from './score-table.tsx';

export function ResultPanel({ job, scores }: { job: Job; scores: Scores | undefined }) {
  if (scores === undefined) return <p class="quiet-text">Loading the scores…</p>;
  if (scores.scores.length === 0) {
    return (
      <Notice tone="empty" title={isFinal(job.state) ? 'Nothing was scored' : 'No score yet'}>
        <p>
          {isFinal(job.state)
            ? 'The job ended before its first evaluation. Use it as a template to submit it again.'
            : 'The first evaluation comes after the checkpoint is loaded; the page shows it by itself.'}
        </p>
      </Notice>
    );
  }
  const effects = latestEffects(scores.effects);
  const noiseFloor = latestEffects(scores.noiseFloor);
  const fidelity = latestEffects(scores.fidelity);
  return (
    <>
      <Headline scores={scores} />
      {effects.length > 0 ? (
        <EffectTable title="Effect: intervention − control" effects={effects} arm="intervention" />
      ) : (
        <p class="quiet-text">An effect needs scores of both control and intervention at the same step.</p>
      )}
      {noiseFloor.length > 0 && (
        <EffectTable
          title="Noise floor: placebo − control; as many edits, on words without gender"
          effects={noiseFloor}
          arm="placebo"
        />
      )}
      {groupRows(latestScores(scores.scores)).map((group) => (
        <BenchmarkScores group={group} scores={scores} key={placeKey(group)} />
      ))}
      {fidelity.length > 0 && (
        <details class="fold">
          <summary>How faithful the resume is: control − published</summary>
          <EffectTable
            title="Control − published; zero means that the resume repeats the original training"
            effects={fidelity}
            arm="control"
          />
        </details>
      )}
    </>
  );
}

function Headline({ scores }: { scores: Scores }) {
  const effect = mainEffect(scores);
  if (effect === undefined) return null;
  const { unit, label } = describeMetric(effect.metric);
  const warnings = labelsFor(scores.labels, effect, 'intervention');
  return (
    <div class="headline">
      <p>
        <strong class="figure">{formatDifference(effect.value, unit)}</strong> in the {label.toLowerCase()} of{' '}
        {effect.benchmark}: what the rewriting did, intervention − control
      </p>
      <p class="figure">
        95 % interval {formatInterval(effect.interval, unit)}, {formatP(effect.pValue)} {effect.pScope} ({effect.test}),
        n = {formatCount(effect.numItems)}, step {formatCount(effect.step)}
      </p>
      {warnings.map((warning) => (
        <p key={warning.label}>
          <span class="tag">{warning.label}</span> {warning.detail}
        </p>
      ))}
    </div>
  );
}

function BenchmarkScores({ group, scores }: { group: Group<ScoreRow>; scores: Scores }) {
  const halves = halvesOf(group.rows);
  const own = labelsFor(scores.labels, group);
  const published = scores.published.filter((row) => placeKey(row) === placeKey(group));
  return (
    <div class="benchmark">
      <h3>
        {group.benchmark} <span class="minor">{protocolWords(group)}</span>
      </h3>
      {halves.length > 0 && (
        <>
          <p class="help">
            Stereotype rate of masculine- and feminine-stereotyped items apart: an unbiased model has both near one
            half, one that always says “she” has them at opposite ends.
          </p>
          <HalvesPlot halves={halves} labels={own} />
        </>
      )}
      <ScoreTable group={group} labels={own} />
      <PublishedTable rows={published} scores={group.rows} />
    </div>
  );
}
