// How often each rule was used, in all and over the steps as small bars; each can be asked for alone.
import type { Job } from '../api.ts';
import type { EditChoice } from '../edit-choice.ts';
import { formatCount } from '../format.ts';
import { isFinal } from '../live-job.ts';
import { usePolled } from '../polling.ts';
import { records, type EditCounts } from '../records.ts';
import { setSetting } from '../route.ts';

const NUM_BARS = 48;
const BAR_HEIGHT = 28;
const REFRESH_EVERY_MS = 10_000;

interface Props {
  job: Job;
  choice: EditChoice;
  byRule: Readonly<Record<string, number>>;
}

export function RuleTable({ job, choice: { arm, rule }, byRule }: Props) {
  const ask = () => records.editCounts(job.id, arm, NUM_BARS);
  const { data } = usePolled(ask, `${job.id} ${arm}`, isFinal(job.state) ? 0 : REFRESH_EVERY_MS);
  const rules = Object.entries(byRule).toSorted(([, a], [, b]) => b - a);
  const all = rules.reduce((sum, [, count]) => sum + count, 0);
  return (
    <div class="scroll" role="region" aria-label="Edits by rule" tabIndex={0}>
      <table class="figures rules">
        <caption>Edits by rule</caption>
        <thead>
          <tr>
            <th scope="col">rule</th>
            <th scope="col">edits</th>
            <th scope="col">share</th>
            <th scope="col" class="forest">
              over the steps{data !== undefined && data.stepsPerPoint > 1 && `, ${data.stepsPerPoint} a bar`}
            </th>
            <th scope="col">samples</th>
          </tr>
        </thead>
        <tbody>
          {rules.map(([name, count]) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td>{formatCount(count)}</td>
              <td>{((100 * count) / Math.max(1, all)).toFixed(1)} %</td>
              <td class="forest">{data !== undefined && <Bars counts={data} rule={name} />}</td>
              <td>
                <button
                  type="button"
                  class="quiet"
                  aria-pressed={rule === name}
                  aria-label={`only these: ${name}`}
                  onClick={() => setSetting('rule', rule === name ? undefined : name)}
                >
                  only these
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** All rules on one scale, so that their heights can be compared. */
function Bars({ counts: { byRule, step }, rule }: { counts: EditCounts; rule: string }) {
  const counts = byRule[rule] ?? [];
  const most = Math.max(1, ...Object.values(byRule).flat());
  const width = 100 / Math.max(1, counts.length);
  const [least, greatest] = [Math.min(...counts), Math.max(...counts)];
  return (
    <svg
      class="bars"
      viewBox={`0 0 100 ${BAR_HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${rule} from step ${step[0]} on: between ${formatCount(least)} and ${formatCount(greatest)} edits a bar`}
    >
      {counts.map((count, place) => {
        const height = (BAR_HEIGHT * count) / most;
        return <rect key={place} x={place * width} y={BAR_HEIGHT - height} width={width * 0.8} height={height} />;
      })}
    </svg>
  );
}
