// Stored scores against the stored items, as findings of a verification: the server's database computes every score again.
import type { Finding } from '../../jobs/verify/finding.ts';
import { connect } from './api-client.ts';
import type { ScoreChecks } from './api-answers.ts';
import { isManifestFile } from './job-record.ts';

type Check = ScoreChecks['checks'][number];

/** One finding an evaluation, or one for each score that differs; none for a manifest, which has no items. Throws ApiError. */
export async function scoreFindings(name: string, url: string | undefined): Promise<Finding[]> {
  if (isManifestFile(name)) return [];
  const { checks } = await connect(url).scoreChecks(name);
  const evaluations = new Map<string, Check[]>();
  for (const check of checks) {
    const key = JSON.stringify([check.arm, check.step, subjectOf(check)]);
    evaluations.set(key, [...(evaluations.get(key) ?? []), check]);
  }
  return [...evaluations.values()].flatMap((group): Finding[] => {
    const { arm, step } = group[0]!; // a group has one at least
    const wrong = group.filter(({ isEqual }) => !isEqual);
    if (wrong.length > 0) return wrong.map(differenceOf);
    return [{ subject: `${group.length} ${subjectOf(group[0]!)}`, verdict: 'within tolerance', arm, step }];
  });
}

function subjectOf({ benchmark, protocol }: Check): string {
  return `scores of ${benchmark}, ${protocol}, from its items`;
}

function differenceOf(check: Check): Finding {
  const words = (figures: Check['stored']) =>
    figures === null ? 'none' : `${figures.value} (n = ${figures.numItems})`;
  return {
    ...{ subject: `${check.metric} of ${check.benchmark}, ${check.protocol}`, verdict: 'differs' },
    ...{ arm: check.arm, step: check.step, expected: words(check.stored), found: words(check.fromItems) },
    words: 'the stored score is not the one of the stored items',
  };
}
