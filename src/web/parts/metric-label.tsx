// A metric's name as a row heading; parts of a figure stand indented below it.
import { describeMetric } from '../metric-names.ts';

export function MetricLabel({ metric }: { metric: string }) {
  const { label, part } = describeMetric(metric);
  return (
    <th role="rowheader" scope="row" class={part === null ? '' : 'part'}>
      {part ?? label}
    </th>
  );
}

/** Rows of whole figures and halves, and apart from them the rows of other parts (kinds of items). */
export function splitParts<Row extends { readonly metric: string }>(
  rows: readonly Row[],
): { main: Row[]; parts: Row[] } {
  const isPart = ({ metric }: Row) => {
    const { part, half } = describeMetric(metric);
    return part !== null && half === null;
  };
  return { main: rows.filter((row) => !isPart(row)), parts: rows.filter(isPart) };
}
