// One page of items: texts with what differs marked, both arms' figures, and the change as a bar. Each row leads to its item.
import { IntervalTrack, scaleAroundZero, type Scale } from '../charts/interval-track.tsx';
import type { Job } from '../api.ts';
import { formatMargin } from '../format.ts';
import type { ComparedItem, ComparedItems } from '../records.ts';
import { jobLink, routeLink } from '../route.ts';
import { ArmName } from './arm-mark.tsx';
import { ItemTexts } from './item-texts.tsx';

interface Props {
  data: ComparedItems;
  job: Job;
  settings: Readonly<Record<string, string>>;
}

export function ItemTable({ data, job, settings }: Props) {
  const { items, arm, baseline } = data;
  const changes = items.flatMap(({ change }) => (change === null ? [] : [change]));
  const scale = scaleAroundZero(changes, 0.5);
  return (
    <table class="figures items" role="table">
      <caption class="sr-only">
        Items of {arm} and {baseline} at step {data.step}
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col">
            item
          </th>
          <th role="columnheader" scope="col">
            <ArmName arm={baseline} />
          </th>
          <th role="columnheader" scope="col">
            <ArmName arm={arm} />
          </th>
          <th role="columnheader" scope="col" class="forest">
            change
          </th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {items.map((item) => (
          <ItemRow key={item.index} {...{ item, data, scale, settings }} id={job.id} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps extends Pick<Props, 'data' | 'settings'> {
  id: string;
  item: ComparedItem;
  scale: Scale;
}

function ItemRow({ item, data, scale, settings, id }: RowProps) {
  const { index, biasType, occupation, stereotype, texts, margins, change } = item;
  const link = routeLink(jobLink(id).slice(2), { ...settings, tab: 'items', item: String(index) });
  const isTurned = change !== null && (margins.arm ?? 0) > 0 !== (margins.baseline ?? 0) > 0;
  const words = [occupation, stereotype ?? (occupation === null ? biasType : null)].filter((word) => word !== null);
  return (
    <tr role="row">
      <th role="rowheader" scope="row" class="item-text">
        <a href={link}>Item {index}</a> <span class="minor">{words.join(', ')}</span>{' '}
        {isTurned && <span class="tag">turned</span>}
        {texts !== null && <ItemTexts texts={texts} />}
      </th>
      <td role="cell">
        <span class="cell-label">{data.baseline} </span>
        {formatMargin(margins.baseline)}
      </td>
      <td role="cell">
        <span class="cell-label">{data.arm} </span>
        {formatMargin(margins.arm)}
      </td>
      <td role="cell" class="forest">
        <span class="cell-label">change </span>
        <strong>{formatMargin(change)}</strong>
        {change !== null && <IntervalTrack scale={scale} value={change} interval={null} rule={0} arm={data.arm} />}
      </td>
    </tr>
  );
}
