// The rules of a batch's edits with their counts. A rule has a number beside its colour, so that it is known without colour.
import { formatCount } from '../format.ts';

export interface Rule {
  readonly rule: string;
  readonly count: number;
  /** From one, the commonest first. */
  readonly number: number;
}

const NUM_COLOURS = 6;

/** Rules by how often they were used. */
export function rulesOf(editsByRule: Readonly<Record<string, number>>): Rule[] {
  return Object.entries(editsByRule)
    .toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([rule, count], place) => ({ rule, count, number: place + 1 }));
}

/** The class that colours a rule's words; colours come again after six. */
export function ruleClass(number: number): string {
  return `rule-${((number - 1) % NUM_COLOURS) + 1}`;
}

export function RuleLegend({ rules }: { rules: readonly Rule[] }) {
  return (
    <ul class="rule-legend" aria-label="Edits by rule">
      {rules.map(({ rule, count, number }) => (
        <li key={rule}>
          <span class={`rule-sign ${ruleClass(number)}`}>{number}</span> <code>{rule}</code>{' '}
          <span class="figure">{formatCount(count)}</span>
        </li>
      ))}
    </ul>
  );
}
