// A chart's figures as a table, one row a step. Long curves are thinned evenly, and the table says so.
import { formatCount } from '../format.ts';
import type { ArmLine } from './line-options.ts';

const MOST_ROWS = 200;
const STEP = { title: 'step', format: formatCount };

interface Props {
  title: string;
  lines: readonly ArmLine[];
  format: (value: number) => string;
  /** What a row is called, where it is no step. */
  place?: { readonly title: string; readonly format: (value: number) => string };
}

export function ChartTable({ title, lines, format, place: row = STEP }: Props) {
  const all = [...new Set(lines.flatMap(({ steps }) => steps))].toSorted((a, b) => a - b);
  const stride = Math.ceil(all.length / MOST_ROWS);
  const steps = all.filter((_step, place) => place % stride === 0 || place === all.length - 1);
  const columns = lines.map((line) => ({
    arm: line.arm,
    // What was measured, not its smoothed form.
    values: new Map(line.steps.map((step, place) => [step, (line.faint ?? line.values)[place]])),
    lows: new Map(line.steps.map((step, place) => [step, line.band?.low[place] ?? null])),
    highs: new Map(line.steps.map((step, place) => [step, line.band?.high[place] ?? null])),
  }));
  const cell = ({ values, lows, highs }: (typeof columns)[number], step: number) => {
    const value = values.get(step);
    if (typeof value !== 'number') return '–';
    const [low, high] = [lows.get(step), highs.get(step)];
    return (
      format(value) + (typeof low === 'number' && typeof high === 'number' ? ` [${format(low)}, ${format(high)}]` : '')
    );
  };
  return (
    <div class="scroll tall" role="region" aria-label={`${title} as a table`} tabIndex={0}>
      <table class="figures">
        {stride > 1 && (
          <caption>
            Every {stride}th of {formatCount(all.length)} steps
          </caption>
        )}
        <thead>
          <tr>
            <th scope="col">{row.title}</th>
            {columns.map(({ arm }) => (
              <th scope="col" key={arm}>
                {arm}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <tr key={step}>
              <th scope="row">{row.format(step)}</th>
              {columns.map((column) => (
                <td key={column.arm}>{cell(column, step)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
