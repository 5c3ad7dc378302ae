// What is compared and how: the jobs with their letters, the pinned baseline, the arms, what effects are differences from.
import type { Comparison } from '../comparison-api.ts';
import type { Against, Extent } from '../comparison/rows.ts';
import { letterOf, type Side } from '../comparison/sides.ts';
import { directionWords, policyWords, windowWords } from '../job-words.ts';
import { jobLink, setSetting } from '../route.ts';
import { ARM_ORDER } from '../scores.ts';
import { ArmName } from './arm-mark.tsx';
import { Choice } from './choice.tsx';
import { SideChoice } from './side-choice.tsx';
import { StateBadge } from './state-badge.tsx';

interface Props {
  comparison: Comparison;
  sides: readonly Side[];
  baseline: Side | undefined;
  arms: readonly string[];
  against: Against;
  extent: Extent;
  isLive: boolean;
}

export function CompareSettings({ comparison, sides, baseline, arms, against, extent, isLive }: Props) {
  const { jobs } = comparison;
  const remove = (id: string) =>
    setSetting(
      'jobs',
      jobs
        .map((job) => job.id)
        .filter((one) => one !== id)
        .join(',') || undefined,
    );
  return (
    <>
      <ul class="compared-jobs" aria-label="Compared jobs">
        {jobs.map((job, place) => (
          <li key={job.id} class={job.id === baseline?.job.id ? 'is-baseline' : undefined}>
            <span class="letter" aria-hidden="true">
              {letterOf(place)}
            </span>
            <span class="compared-name">
              <a href={jobLink(job.id)}>{job.name}</a> <StateBadge state={job.state} />
              <span class="minor">
                {job.spec.model}, {windowWords(job)}, {directionWords(job.spec)}, {policyWords(job.spec)}
              </span>
            </span>
            <button type="button" class="quiet" aria-label={`Take out ${job.name}`} onClick={() => remove(job.id)}>
              Take out
            </button>
          </li>
        ))}
      </ul>
      <div class="compare-settings" role="group" aria-label="How they are compared">
        {baseline !== undefined && (
          <SideChoice
            {...{ label: 'Pinned baseline', value: baseline, sides }}
            onChange={(key) => setSetting('baseline', key)}
          />
        )}
        <Choice label="Effects" value={against} onChange={(next) => setSetting('against', unless('control', next))}>
          {[
            ['control', 'against each job’s own control'],
            ['baseline', 'against the pinned baseline'],
          ]}
        </Choice>
        <Choice label="Show" value={extent} onChange={(next) => setSetting('extent', unless('whole', next))}>
          {[
            ['whole', 'whole figures'],
            ['halves', 'with masculine and feminine halves'],
            ['all', 'every kind of item'],
          ]}
        </Choice>
        <ArmBoxes sides={sides} arms={arms} />
        {isLive && (
          <span class="minor" role="status">
            live: new scores appear by themselves
          </span>
        )}
      </div>
    </>
  );
}

/** The usual choice is left out of the address. */
function unless(usual: string, chosen: string): string | undefined {
  return chosen === usual ? undefined : chosen;
}

function ArmBoxes({ sides, arms }: Pick<Props, 'sides' | 'arms'>) {
  const scored = ARM_ORDER.filter((arm) => sides.some((side) => side.arm === arm));
  const chosen = arms.length === 0 ? scored : scored.filter((arm) => arms.includes(arm));
  const toggle = (arm: string) => {
    const next = scored.filter((one) => (one === arm ? !chosen.includes(one) : chosen.includes(one)));
    setSetting('arms', next.length === scored.length || next.length === 0 ? undefined : next.join(','));
  };
  return (
    <fieldset class="arm-boxes">
      <legend class="sr-only">Arms</legend>
      {scored.map((arm) => (
        <label key={arm}>
          <input type="checkbox" checked={chosen.includes(arm)} onChange={() => toggle(arm)} /> <ArmName arm={arm} />
        </label>
      ))}
    </fieldset>
  );
}
