// The results of a sweep, one row a job, of the chosen figure, to be searched; the server's own files have every figure.
import { useState } from 'preact/hooks';
import { formatCount, formatDifference, formatInterval, formatP, formatValue } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { jobLink } from '../route.ts';
import { useRowWindow } from '../row-window.ts';
import type { Axis } from '../sweeps/grid.ts';
import { axisWords, pointWords, settledPointOf, stoppedWords, valueWords } from '../sweeps/sweep-words.ts';
import { resultsAddress, type ResultRow, type SettledPoint, type Sweep } from '../sweeps-api.ts';
import { HeadRow } from './head-row.tsx';
import { RowGap } from './row-gap.tsx';
import { StoppedTag } from './stopped-point.tsx';

interface Props {
  sweep: Sweep;
  axes: readonly Axis[];
  rows: readonly ResultRow[];
}

const FORMATS = [
  ['csv', 'CSV'],
  ['markdown', 'Markdown'],
  ['latex', 'LaTeX'],
  ['json', 'JSON'],
] as const;

export function ResultRows({ sweep: { id, settled }, axes, rows }: Props) {
  const [words, setWords] = useState('');
  const many = axes.filter(({ values }) => values.length > 1);
  const all = rows.map((row) => ({ row, settled: settledPointOf(settled, row.point) }));
  const found = all.filter((one) => hasWords(one, words));
  const ofAll = `${formatCount(rows.length)} ${rows.length === 1 ? 'row' : 'rows'}`;
  return (
    <>
      <Exports sweepId={id} />
      <p class="chooser find">
        <label>
          Find in the table{' '}
          <input
            type="search"
            value={words}
            placeholder="words of a job or point"
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </label>
        <span class="minor" role="status">
          {found.length === rows.length ? ofAll : `${formatCount(found.length)} of ${ofAll}`}
        </span>
      </p>
      {found.length === 0 ? (
        <p class="quiet-text">No row has all of these words.</p>
      ) : (
        <Table axes={many} rows={found} />
      )}
    </>
  );
}

/** A row, and the stop rule that its point met. */
interface RuledRow {
  readonly row: ResultRow;
  readonly settled: SettledPoint | undefined;
}

function hasWords({ row, settled }: RuledRow, words: string): boolean {
  const rule = settled === undefined ? '' : stoppedWords(settled);
  const text = [row.name, pointWords(row.point), rule].join(' ').toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function Exports({ sweepId }: { sweepId: string }) {
  return (
    <p class="exports">
      <span class="minor">All figures as</span>
      {FORMATS.map(([format, name]) => (
        <a
          class="button quiet-link"
          href={resultsAddress(sweepId, format)}
          download={`sweep-results.${format === 'markdown' ? 'md' : format === 'latex' ? 'tex' : format}`}
          key={format}
        >
          {name}
        </a>
      ))}
    </p>
  );
}

/** So many are drawn, found by the browser and printed whatever is in view. */
const MOST_WHOLE = 60;

/** Of many rows, those in view are drawn. */
function Table({ axes, rows }: { axes: readonly Axis[]; rows: readonly RuledRow[] }) {
  const { first, last, abovePx, belowPx, body, onFocusIn } = useRowWindow(
    rows.map(({ row }) => row.job),
    MOST_WHOLE,
  );
  const names = [
    ...['job', ...axes.map(({ path }) => axisWords(path)), 'control', 'intervention', 'effect', '95 % interval'],
    ...['p', 'p by Holm', 'n', 'published'],
  ];
  return (
    <div class="scroll tall results-scroll" role="region" aria-label="Results by job" tabIndex={0}>
      <table class="figures results" aria-rowcount={rows.length + 1}>
        <caption class="sr-only">Results by job</caption>
        <HeadRow names={names} />
        <tbody ref={body} onFocusIn={onFocusIn}>
          <RowGap key="above" heightPx={abovePx} />
          {rows.slice(first, last).map((one, i) => (
            <Row {...one} axes={axes} place={first + i + 1} key={one.row.job} />
          ))}
          <RowGap key="below" heightPx={belowPx} />
        </tbody>
      </table>
    </div>
  );
}

interface RowProps extends RuledRow {
  axes: readonly Axis[];
  /** From one; the head is the first row. */
  place: number;
}

function Row({ row, settled, axes, place }: RowProps) {
  const { unit } = describeMetric(row.metric);
  const { effect } = row;
  const score = (figure: ResultRow['control']) => (figure === null ? '–' : formatValue(figure.value, unit));
  return (
    <tr data-id={row.job} aria-rowindex={place + 1}>
      <th scope="row">
        <a href={jobLink(row.job)}>{row.name}</a>
        {settled !== undefined && <StoppedTag settled={settled} />}
      </th>
      {axes.map(({ path }) => (
        <td key={path}>{valueWords(row.point[path])}</td>
      ))}
      <td>{score(row.control)}</td>
      <td>{score(row.intervention)}</td>
      <td>
        <strong>{effect === null ? '–' : formatDifference(effect.value, unit)}</strong>
      </td>
      <td>{effect === null ? '' : formatInterval(effect.interval, unit)}</td>
      <td>{effect === null ? '' : formatP(effect.pValue)}</td>
      <td>{effect === null || effect.pAdjusted === null ? '' : formatP(effect.pAdjusted)}</td>
      <td>{formatCount(effect?.numItems ?? row.intervention?.numItems ?? row.control?.numItems ?? 0)}</td>
      <td>
        {score(row.published)}
        {row.publishedFigures.map((figure) => (
          <div class="minor" key={`${figure.publishedBenchmark} ${figure.condition}`}>
            {formatValue(figure.value, unit)}, {figure.condition}, {figure.publishedBenchmark}{' '}
            {figure.warnings.map(({ label, detail }) => (
              <span class="tag" title={detail} key={label}>
                {label}
              </span>
            ))}
          </div>
        ))}
      </td>
    </tr>
  );
}
