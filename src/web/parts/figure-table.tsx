// The table of a comparison: for each metric the sides' figures, the pinned baseline first. Its cells are the columns that are exported.
import { FIGURE_COLUMNS } from '../comparison/figure-columns.ts';
import type { Figure } from '../comparison/rows.ts';
import { describeMetric } from '../metric-names.ts';
import { metricKey, protocolWords } from '../scores.ts';
import { jobLink } from '../route.ts';
import type { TableColumn } from '../table-formats.ts';
import { ArmName } from './arm-mark.tsx';

interface Props {
  figures: readonly Figure[];
  /** What the effects are differences from, in words. */
  against: string;
}

export function FigureTable({ figures, against }: Props) {
  const groups = new Map<string, Figure[]>();
  for (const row of figures) {
    const key = metricKey(row);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return (
    <div class="scroll compare-scroll" role="region" aria-label="Figures of the compared jobs" tabIndex={0}>
      <table class="figures compare">
        <caption class="sr-only">
          Figures of the compared jobs: value, 95 % interval, number of items, effect {against}, p alone and by Holm
        </caption>
        <thead>
          <tr>
            {FIGURE_COLUMNS.map(({ title }) => (
              <th scope="col" key={title}>
                {title === 'effect' ? `effect ${against}` : title}
              </th>
            ))}
          </tr>
        </thead>
        {[...groups].map(([key, rows]) => (
          <tbody key={key} data-metric={key}>
            <tr class="group-row">
              <th scope="rowgroup" colSpan={FIGURE_COLUMNS.length}>
                {describeMetric(rows[0]!.metric).label} {/* a group is made with its first row */}
                <span class="minor">
                  {rows[0]!.benchmark}, {protocolWords(rows[0]!)}
                </span>
              </th>
            </tr>
            {rows.map((row) => (
              <FigureRow row={row} key={`${row.side?.job.id ?? row.source} ${row.arm ?? row.name}`} />
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

function FigureRow({ row }: { row: Figure }) {
  const [job, ...columns] = FIGURE_COLUMNS;
  return (
    <tr class={row.isBaseline ? 'baseline' : row.side === null ? 'published-row' : undefined}>
      <th scope="row">
        {row.side === null ? (
          <a href={row.source ?? ''}>{job!.shown(row)}</a>
        ) : (
          <a href={jobLink(row.side.job.id)}>{job!.shown(row)}</a>
        )}
        {row.isBaseline && <span class="pin">baseline</span>}
      </th>
      {columns.map((column) => (
        <td key={column.title}>
          <FigureCell column={column} row={row} />
        </td>
      ))}
    </tr>
  );
}

function FigureCell({ column, row }: { column: TableColumn<Figure>; row: Figure }) {
  if (column.title === 'arm' && row.arm !== null) return <ArmName arm={row.arm} />;
  if (column.title === 'to be read with') {
    return (
      <>
        {row.labels.map(({ label, detail }) => (
          <span class="tag" key={label} title={detail}>
            {label}
          </span>
        ))}
        {row.effect?.note !== null && row.effect?.note !== undefined && <div class="minor">{row.effect.note}</div>}
      </>
    );
  }
  const text = column.shown(row);
  if (column.title === 'p' && row.effect !== null) {
    return <span title={`${row.effect.test}, ${row.effect.pScope}`}>{text}</span>;
  }
  if (column.title === 'p by Holm' && row.effect !== null) return <span title={row.effect.family}>{text}</span>;
  return column.title === 'effect' ? <strong>{text}</strong> : <>{text}</>;
}
