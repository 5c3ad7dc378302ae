// A paired test of any two arms, item by item: chosen here, computed by the server from the items of both.
import type { PairComparison, PairRow } from '../comparison-api.ts';
import { comparisonApi } from '../comparison-api.ts';
import { sideKey, type Side } from '../comparison/sides.ts';
import { formatCount, formatDifference, formatInterval, formatP } from '../format.ts';
import { describeMetric, metricRank } from '../metric-names.ts';
import { usePolled } from '../polling.ts';
import { setSetting } from '../route.ts';
import { figureWords, placeKey, protocolWords } from '../scores.ts';
import type { TableColumn } from '../table-formats.ts';
import { ExportButtons } from './export-buttons.tsx';
import { HeadRow } from './head-row.tsx';
import { SideChoice } from './side-choice.tsx';

interface Props {
  sides: readonly Side[];
  a: string | undefined;
  b: string | undefined;
}

export function PairPanel({ sides, a, b }: Props) {
  const one = sides.find((side) => sideKey(side) === a) ?? sides.find(({ arm }) => arm === 'intervention') ?? sides[0];
  const other =
    sides.find((side) => sideKey(side) === b) ??
    sides.find((side) => side.job.id !== one?.job.id && side.arm === one?.arm) ??
    sides.find((side) => side !== one);
  if (one === undefined || other === undefined) {
    return <p class="quiet-text">A paired test needs two arms that were scored on the same items.</p>;
  }
  return (
    <>
      <p class="chooser pair-chooser">
        <SideChoice label="First" value={one} sides={sides} onChange={(key) => setSetting('a', key)} />
        <span aria-hidden="true">−</span>
        <SideChoice label="Second" value={other} sides={sides} onChange={(key) => setSetting('b', key)} />
        <button
          type="button"
          class="quiet"
          onClick={() => {
            setSetting('a', sideKey(other));
            setSetting('b', sideKey(one));
          }}
        >
          Turn round
        </button>
      </p>
      {one === other ? (
        <p class="quiet-text">These are the same arm: choose another one.</p>
      ) : (
        <PairResult a={one} b={other} />
      )}
    </>
  );
}

const PAIR_COLUMNS: readonly TableColumn<PairRow>[] = [
  {
    title: 'figure',
    shown: figureWords,
    fields: {
      benchmark: ({ benchmark }) => benchmark,
      protocol: ({ protocol }) => protocol,
      settings: ({ settings }) => JSON.stringify(settings ?? {}),
      metric: ({ metric }) => metric,
    },
  },
  {
    title: 'difference',
    shown: (row) => formatDifference(row.value, describeMetric(row.metric).unit),
    fields: { difference: ({ value }) => value, stepA: ({ stepA }) => stepA, stepB: ({ stepB }) => stepB },
  },
  {
    title: '95 % interval',
    shown: (row) => formatInterval(row.interval, describeMetric(row.metric).unit),
    fields: { low: ({ interval }) => interval?.[0] ?? null, high: ({ interval }) => interval?.[1] ?? null },
  },
  {
    title: 'p',
    shown: ({ pValue }) => formatP(pValue),
    fields: { pValue: ({ pValue }) => pValue, pScope: ({ pScope }) => pScope },
  },
  {
    title: 'p by Holm',
    shown: ({ pAdjusted }) => (pAdjusted === null ? '' : formatP(pAdjusted)),
    fields: { pAdjusted: ({ pAdjusted }) => pAdjusted, family: ({ family }) => family },
  },
  { title: 'test', shown: ({ test }) => test, fields: { test: ({ test }) => test } },
  {
    title: 'n',
    shown: ({ numItems }) => formatCount(numItems),
    fields: { numItems: ({ numItems }) => numItems, numClusters: ({ numClusters }) => numClusters },
  },
  { title: 'note', shown: ({ note }) => note ?? '', fields: { note: ({ note }) => note } },
];

function PairResult({ a, b }: { a: Side; b: Side }) {
  const [keyA, keyB] = [sideKey(a), sideKey(b)];
  const { data, error } = usePolled(() => comparisonApi.pair(keyA, keyB), `${keyA} ${keyB}`, 0);
  if (error !== undefined) return <p role="alert">{error.message}</p>;
  if (data === undefined) return <p class="quiet-text">Comparing item by item…</p>;
  const rows = data.effects
    .filter(({ metric }) => describeMetric(metric).part === null || describeMetric(metric).half !== null)
    .toSorted((x, y) => placeKey(x).localeCompare(placeKey(y)) || metricRank(x.metric) - metricRank(y.metric));
  const words = `${a.letter} ${a.job.name}, ${a.arm} − ${b.letter} ${b.job.name}, ${b.arm}`;
  const scope = `Paired differences of ${words}; p ${rows[0]?.pScope ?? ''}.`;
  return (
    <>
      <PairTable rows={rows} words={words} />
      <PairNotes pair={data} sides={[a, b]} />
      <p class="minor">
        {scope} Last steps: {formatCount(rows[0]?.stepA ?? 0)} and {formatCount(rows[0]?.stepB ?? 0)}.
      </p>
      <ExportButtons
        name="paired-test"
        table={{
          columns: PAIR_COLUMNS,
          rows,
          notes: [scope, ...data.labels.map(({ label, detail }) => `${label}: ${detail}`)],
        }}
      />
    </>
  );
}

function PairTable({ rows, words }: { rows: readonly PairRow[]; words: string }) {
  return (
    <div class="scroll" role="region" aria-label="Differences item by item" tabIndex={0}>
      <table class="figures pair">
        <caption class="sr-only">Paired differences, {words}</caption>
        <HeadRow names={PAIR_COLUMNS.map(({ title }) => title)} />
        <tbody>
          {rows.map((row) => (
            <tr key={`${placeKey(row)} ${row.metric}`}>
              {PAIR_COLUMNS.map(({ title, shown }, place) =>
                place === 0 ? (
                  <th scope="row" key={title}>
                    {shown(row)}
                  </th>
                ) : (
                  <td key={title}>{title === 'difference' ? <strong>{shown(row)}</strong> : shown(row)}</td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PairNotes({ pair, sides }: { pair: PairComparison; sides: readonly Side[] }) {
  const letterOf = (id: string) => sides.find(({ job }) => job.id === id)?.letter ?? '';
  return (
    <>
      {pair.labels.map(({ id, arm, benchmark, label, detail }) => (
        <p class="help" key={`${id} ${arm} ${benchmark} ${label}`}>
          <span class="tag">{label}</span> {letterOf(id)}, {arm}, {benchmark}: {detail}
        </p>
      ))}
      {pair.refused.map((one) => (
        <p class="help" key={placeKey(one)}>
          <span class="tag">not comparable</span> {one.benchmark}, {protocolWords(one)}: {one.detail}
        </p>
      ))}
    </>
  );
}
