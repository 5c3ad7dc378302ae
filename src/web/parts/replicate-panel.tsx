// What jobs that differ in seeds alone say together: the mean effect over seeds, and which jobs add nothing.
import type { Job } from '../api.ts';
import type { ReplicateGroup } from '../comparison-api.ts';
import { formatDifference, formatInterval } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { protocolWords } from '../scores.ts';
import { HeadRow } from './head-row.tsx';

interface Props {
  groups: readonly ReplicateGroup[];
  jobs: readonly Job[];
}

export function ReplicatePanel({ groups, jobs }: Props) {
  const nameOf = (id: string) => jobs.find((job) => job.id === id)?.name ?? id;
  return (
    <>
      {groups.map((group) => (
        <div key={group.jobs.map(({ id }) => id).join(' ')}>
          <h3>
            {group.jobs.map(({ id }) => nameOf(id)).join(', ')} <span class="minor">{group.scope}</span>
          </h3>
          {group.refused.map(({ id, detail }) => (
            <p class="help" key={id}>
              <span class="tag">no replicate</span> {nameOf(id)}: {detail}
            </p>
          ))}
          {group.over !== 'nothing' && <MeanTable group={group} />}
        </div>
      ))}
    </>
  );
}

function MeanTable({ group }: { group: ReplicateGroup }) {
  const shown = group.effects.filter(({ metric }) => describeMetric(metric).part === null);
  return (
    <div class="scroll" role="region" aria-label={`Effects ${group.scope}`} tabIndex={0}>
      <table class="figures">
        <caption class="sr-only">Mean effect, intervention − control, {group.scope}</caption>
        <HeadRow names={['figure', 'mean effect', '95 % interval over seeds', 'seeds', 'each']} />
        <tbody>
          {shown.map((effect) => {
            const { label, unit } = describeMetric(effect.metric);
            return (
              <tr key={`${effect.benchmark} ${effect.protocol} ${effect.metric}`}>
                <th scope="row">
                  {label} <span class="minor">{`${effect.benchmark}, ${protocolWords(effect)}`}</span>
                </th>
                <td>
                  <strong>{formatDifference(effect.value, unit)}</strong>
                </td>
                <td>{formatInterval(effect.interval, unit)}</td>
                <td>{effect.numReplicates}</td>
                <td>
                  {effect.replicates
                    .map(
                      ({ seed, value }) => `${seed === null ? '' : `seed ${seed}: `}${formatDifference(value, unit)}`,
                    )
                    .join('; ')}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
