// One item with its own address: its texts, how many tokens were counted, and what each arm made of it over the steps.
import type { Arm } from '../../job-spec.ts';
import type { Job } from '../api.ts';
import { LineChart } from '../charts/line-chart.tsx';
import type { ArmLine } from '../charts/line-options.ts';
import { formatCount, formatMargin } from '../format.ts';
import { MARGIN_WORDS } from '../item-settings.ts';
import { isFinal } from '../live-job.ts';
import { usePolled } from '../polling.ts';
import { records, type ItemHistory, type ItemSet } from '../records.ts';
import { jobLink, routeLink } from '../route.ts';
import { ARM_ORDER, placeKey, protocolWords } from '../scores.ts';
import { ArmName } from './arm-mark.tsx';
import { CopyButton } from './copy-button.tsx';
import { ItemTexts } from './item-texts.tsx';
import { Notice } from './notice.tsx';

interface Props {
  job: Job;
  set: ItemSet;
  index: number;
  settings: Readonly<Record<string, string>>;
}

const REFRESH_EVERY_MS = 20_000;

export function ItemView({ job, set, index, settings }: Props) {
  const key = JSON.stringify([job.id, placeKey(set), index]);
  const ask = () => records.itemHistory(job.id, set, index);
  const { data, error } = usePolled(ask, key, isFinal(job.state) ? 0 : REFRESH_EVERY_MS);
  const linkTo = (item: number | undefined) =>
    routeLink(jobLink(job.id).slice(2), { ...settings, tab: 'items', set: placeKey(set), item: item?.toString() });
  return (
    <article class="item-view">
      <p class="actions">
        <a href={linkTo(undefined)}>← All items</a>
        {index > 0 && <a href={linkTo(index - 1)}>Item {index - 1}</a>}
        {error === undefined && <a href={linkTo(index + 1)}>Item {index + 1}</a>}
      </p>
      <h2>
        Item {index}{' '}
        <span class="minor">
          of {set.benchmark}, {protocolWords(set)}
        </span>
      </h2>
      {error !== undefined && data === undefined && <Notice tone="error" title={error.message} />}
      {data === undefined && error === undefined && <p class="quiet-text">Loading the item…</p>}
      {data !== undefined && <History item={data} address={new URL(linkTo(index), location.href).href} />}
    </article>
  );
}

function History({ item, address }: { item: ItemHistory; address: string }) {
  const { biasType, occupation, stereotype, texts, textsMissing, numTokens, unit } = item;
  const words = [biasType, occupation, stereotype === null ? null : `stereotyped as ${stereotype}`];
  return (
    <>
      {texts === null ? <p class="help">No texts: {textsMissing}</p> : <ItemTexts texts={texts} />}
      <p class="minor">
        {words.filter((word) => word !== null).join(' · ')} · {numTokens.map(formatCount).join(' and ')} tokens counted
      </p>
      <p>
        <CopyButton text={address}>Copy the link to this item</CopyButton>
      </p>
      <LineChart title="What each arm prefers" lines={linesOf(item)} format={(value) => formatMargin(value)} />
      <p class="help">{MARGIN_WORDS[unit]}.</p>
      <HistoryTable item={item} />
    </>
  );
}

function linesOf({ margins }: ItemHistory): ArmLine[] {
  return ARM_ORDER.flatMap((arm): ArmLine[] => {
    const own = margins.filter((row) => row.arm === arm);
    if (own.length === 0) return [];
    return [{ arm, steps: own.map(({ step }) => step), values: own.map(({ margin }) => margin), hasPoints: true }];
  });
}

function HistoryTable({ item: { margins } }: { item: ItemHistory }) {
  const arms = ARM_ORDER.filter((arm) => margins.some((row) => row.arm === arm));
  const steps = [...new Set(margins.map(({ step }) => step))];
  const find = (arm: Arm, step: number) => margins.find((row) => row.arm === arm && row.step === step);
  return (
    <div class="scroll" role="region" aria-label="The item over steps" tabIndex={0}>
      <table class="figures">
        <caption class="sr-only">
          What each arm made of the item at every step: the difference, and each text’s log-likelihood
        </caption>
        <thead>
          <tr>
            <th scope="col">step</th>
            {arms.map((arm) => (
              <th scope="col" key={arm}>
                <ArmName arm={arm} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <tr key={step}>
              <th scope="row">{formatCount(step)}</th>
              {arms.map((arm) => (
                <HistoryCell key={arm} row={find(arm, step)} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function HistoryCell({ row }: { row: ItemHistory['margins'][number] | undefined }) {
  if (row === undefined) return <td class="minor">not scored</td>;
  const details =
    row.predictions?.map((answer) => `“${answer}”`) ?? row.logLikelihood.map((value) => formatMargin(value));
  return (
    <td>
      {formatMargin(row.margin)}
      <div class="minor">{details.join(' and ')}</div>
    </td>
  );
}
