// The named, versioned ways of rewriting. A policy that has been used in a published run never changes: a better one gets
// a new name.
import { InputError } from '../src/errors.ts';
import type { Direction, Policy } from '../src/job-spec.ts';

export interface PolicyDescription {
  readonly name: Policy;
  /** Rises when the same text may come out differently; part of a run's manifest. */
  readonly version: string;
  readonly directions: readonly Direction[];
  readonly description: string;
}

export const policies: readonly PolicyDescription[] = [
  {
    name: 'morph-v1',
    version: '1.0.0',
    directions: ['masculine-to-feminine', 'feminine-to-masculine', 'swap', 'balanced'],
    description:
      'Third-person pronouns by form and function (he/she, him/her, his/her/hers, himself/herself), case and apostrophe tails kept; names, symbols, code, addresses and other languages are left alone.',
  },
];

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
