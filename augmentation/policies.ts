// The named, versioned ways of rewriting. A policy that has been used in a published run never changes: a better one gets
// a new name.
import { InputError } from '../src/errors.ts';
import { DIRECTIONS_OF, isHistorical, type Direction, type Policy } from '../src/job-spec.ts';

export interface PolicyDescription {
  readonly name: Policy;
  /** Rises when the same text may come out differently; part of a run's manifest. */
  readonly version: string;
  readonly directions: readonly Direction[];
  /** What it takes: a text, or a row of token ids only. */
  readonly actsOn: 'text' | 'tokens';
  readonly description: string;
}

const DESCRIPTIONS: Readonly<Record<Policy, Omit<PolicyDescription, 'name' | 'directions' | 'actsOn'>>> = {
  'morph-v1': {
    version: '1.2.0',
    description:
      'Third-person pronouns by form and function (he/she, him/her, his/her/hers, himself/herself), case and apostrophe tails kept; names, symbols, code, addresses and other languages are left alone.',
  },
  'neutral-v1': {
    version: '1.1.0',
    description:
      'Third-person pronouns of both genders become they, them, their, theirs, themselves, and the verbs of he and she agree (she was → they were); guards as in morph-v1.',
  },
  'placebo-v1': {
    version: '1.0.0',
    description:
      'As many edits as morph-v1 makes in the same direction, but on words without gender that are about as frequent (and/but, on/in, …): the noise floor of an intervention.',
  },
  'idmap-2022': {
    version: '1.0.0',
    description:
      "The token-id map of gpt-neox's branch `intervention` (df1bdca0): ten masculine ids become feminine ones wherever they stand, also within words; himself and capitalised Him are not covered.",
  },
  'stringreplace-2023-as-pushed': {
    version: '1.0.0',
    description:
      "The string replacement of gpt-neox's branch `new-intervention` (8164ebc3) with its defect: rows that hold a replaceable pronoun are decoded and encoded again without any replacement. Rows change, pronouns do not.",
  },
  'stringreplace-2023-intended': {
    version: '1.0.0',
    description:
      'The same string replacement with the replaced text written back, as its authors meant it: " he ", " him " and " his " between blanks, small or capitalised; his is always her.',
  },
};

export const policies: readonly PolicyDescription[] = (Object.keys(DESCRIPTIONS) as Policy[]).map((name) => ({
  name,
  directions: DIRECTIONS_OF[name],
  actsOn: isHistorical(name) ? 'tokens' : 'text',
  ...DESCRIPTIONS[name],
}));

/** The policy of that name; throws InputError when there is none or when it does not know the direction. */
export function findPolicy(name: string, direction: Direction): PolicyDescription {
  const policy = policies.find((one) => one.name === name);
  if (policy === undefined)
    throw new InputError(`there is no policy ${name}: expected one of ${policies.map((one) => one.name).join(', ')}`);
  if (!policy.directions.includes(direction))
    throw new InputError(
      `${policy.name} has no direction ${direction}: expected one of ${policy.directions.join(', ')}`,
    );
  return policy;
}
