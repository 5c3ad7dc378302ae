// The results of a sweep, one row a job, of the chosen figure; the server's own files have every figure.
import { formatCount, formatDifference, formatInterval, formatP, formatValue } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { jobLink } from '../route.ts';
import type { Axis } from '../sweeps/grid.ts';
import { axisWords, settledPointOf, valueWords } from '../sweeps/sweep-words.ts';
import { resultsAddress, type ResultRow, type SettledPoint, type Sweep } from '../sweeps-api.ts';
import { RepeatedLooks, StoppedTag } from './stopped-point.tsx';

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
  const many = axes.filter(({ values }) => values.length > 1);
  return (
    <>
      <p class="exports">
        <span class="minor">All figures as</span>
        {FORMATS.map(([format, name]) => (
          <a
            class="button quiet-link"
            href={resultsAddress(id, format)}
            download={`sweep-results.${format === 'markdown' ? 'md' : format === 'latex' ? 'tex' : format}`}
            key={format}
          >
            {name}
          </a>
        ))}
      </p>
      <div class="scroll tall results-scroll" role="region" aria-label="Results by job" tabIndex={0}>
        <table class="figures results">
          <caption class="sr-only">Results by job</caption>
          <thead>
            <tr>
              {[
                'job',
                ...many.map(({ path }) => axisWords(path)),
                ...['control', 'intervention', 'effect', '95 % interval', 'p', 'p by Holm', 'n', 'published'],
              ].map((head) => (
                <th scope="col" key={head}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row row={row} axes={many} settled={settledPointOf(settled, row.point)} key={row.job} />
            ))}
          </tbody>
        </table>
      </div>
      {settled.length > 0 && <RepeatedLooks />}
    </>
  );
}

interface RowProps {
  row: ResultRow;
  axes: readonly Axis[];
  /** The stop rule that its point met. */
  settled: SettledPoint | undefined;
}

function Row({ row, axes, settled }: RowProps) {
  const { unit } = describeMetric(row.metric);
  const { effect } = row;
  const score = (figure: ResultRow['control']) => (figure === null ? '–' : formatValue(figure.value, unit));
  return (
    <tr>
      <th scope="row">
        <a href={jobLink(row.job)}>{row.name}</a>
      </th>
      {axes.map(({ path }) => (
        <td key={path}>{valueWords(row.point[path])}</td>
      ))}
      <td>{score(row.control)}</td>
      <td>{score(row.intervention)}</td>
      <td>
        <strong>{effect === null ? '–' : formatDifference(effect.value, unit)}</strong>
        {settled !== undefined && <StoppedTag settled={settled} />}
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
