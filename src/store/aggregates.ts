// Scores computed by the database from the stored values of every item: the definitions of src/eval/metrics.ts once more, in SQL, so that what is stored as
// a score, shown and exported can be held against what the items say.
import type { Arm, ScoringSettings } from '../job-spec.ts';
import type { Database } from './database.ts';
import { SHOWN_EVALUATIONS } from './shared-runs.ts';

export interface Aggregate {
  readonly arm: Arm;
  readonly step: number;
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
  readonly metric: string;
  readonly numItems: number;
  readonly value: number;
  /** Sample standard deviation over the root of the number; null for one item. */
  readonly standardError: number | null;
}

/** Every metric of every evaluation of a job, over all its items; of one step where one is given. */
export async function aggregateItems(database: Database, jobId: string, step?: number): Promise<Aggregate[]> {
  // A figure counts an item where it is no null, and under each name that is none: 'proRate.' with no part is null.
  const rows = await database.prisma.$queryRaw<(Omit<Aggregate, 'settings'> & { settings: string })[]>`
    WITH item AS (
      SELECT arm, evaluation.step, benchmark, protocol, settings,
        CASE WHEN one.value ? 'exactMatch' THEN 'answers' WHEN one.value ? 'split' THEN 'choice'
          WHEN one.value ? 'isGreedy' THEN 'word' WHEN one.value #>> '{logLikelihood,1}' IS NULL THEN 'row'
          WHEN one.value ? 'occupation' THEN 'twins' ELSE 'pair' END AS kind,
        (one.value #>> '{logLikelihood,0}')::float8 AS a, (one.value #>> '{logLikelihood,1}')::float8 AS b,
        (one.value #>> '{pronounLogProb,0}')::float8 AS token_a, (one.value #>> '{pronounLogProb,1}')::float8 AS token_b,
        (one.value #>> '{exactMatch,0}')::float8 AS pro, (one.value #>> '{exactMatch,1}')::float8 AS anti,
        (one.value #>> '{numTokens,0}')::float8 AS num_tokens,
        (one.value ->> 'isGreedy')::boolean AS is_greedy, (one.value ->> 'isPronounOnly')::boolean AS is_pronoun_only,
        one.value ->> 'biasType' AS bias_type, one.value ->> 'stereotype' AS stereotype, one.value ->> 'split' AS split,
        CASE one.value ->> 'stereotype' WHEN 'masculine' THEN 1 WHEN 'feminine' THEN -1 END AS sign,
        'type' || (one.value ->> 'type') AS type,
        regexp_replace(lower(one.value ->> 'template'), '[^a-z0-9]+', '-', 'g') AS template
      FROM run ${SHOWN_EVALUATIONS}, jsonb_array_elements(items) AS one (value)
      WHERE job_id = ${jobId}::uuid AND (${step ?? null}::int IS NULL OR evaluation.step = ${step ?? null})
    ), figure AS (
      SELECT arm, step, benchmark, protocol, settings, named.name AS metric, one.value
      FROM item,
        LATERAL (VALUES
          ('answers', 'netBias', pro - anti, ARRAY['', '.' || type, '.' || stereotype, '.' || template]),
          ('answers', 'accuracy', (pro + anti) / 2, ARRAY['', '.' || type, '.' || stereotype, '.' || template]),
          ('answers', 'accuracy', pro, ARRAY['.' || type || '-pro', '.' || type || '-pro.' || template]),
          ('answers', 'accuracy', anti, ARRAY['.' || type || '-anti', '.' || type || '-anti.' || template]),
          ('choice', 'choiceRate', (a > b)::int, ARRAY['', '.' || type, '.' || split, '.' || stereotype]),
          ('choice', 'choiceRateToken', (token_a > token_b)::int, ARRAY['', '.' || type, '.' || split, '.' || stereotype]),
          ('choice', 'logOdds', sign * (token_a - token_b), ARRAY['', '.' || type, '.' || split, '.' || stereotype]),
          ('choice', 'logOddsSentence', sign * (a - b), ARRAY['', '.' || type, '.' || split, '.' || stereotype]),
          ('word', 'wordAccuracy', is_greedy::int, ARRAY['']),
          ('word', 'wordLossNats', -a, ARRAY['']),
          ('row', 'lossNats', -a / num_tokens, ARRAY['']),
          ('twins', 'proRate', (a > b)::int, ARRAY['', '.' || type, '.' || stereotype]),
          ('twins', 'likelihoodDiff', abs(a - b), ARRAY['']),
          ('pair', 'pctStereotype', (a > b)::int, ARRAY['', '.' || bias_type, '.' || stereotype]),
          ('pair', 'likelihoodDiff', abs(a - b), ARRAY['', '.' || bias_type]),
          ('twins', 'logOdds', sign * (token_a - token_b), ARRAY['']),
          ('pair', 'logOdds', sign * (token_a - token_b), ARRAY['']),
          ('twins', 'logOddsSentence', CASE WHEN is_pronoun_only THEN sign * (a - b) END, ARRAY['']),
          ('pair', 'logOddsSentence', CASE WHEN is_pronoun_only THEN sign * (a - b) END, ARRAY[''])
        ) AS one (kind, name, value, parts),
        LATERAL (SELECT one.name || part FROM unnest(one.parts) AS part) AS named (name)
      WHERE one.kind = item.kind AND one.value IS NOT NULL AND named.name IS NOT NULL
    ), score AS (
      SELECT arm, step, benchmark, protocol, settings, metric, count(*)::int AS "numItems", avg(value) AS value,
        stddev_samp(value) / sqrt(count(*)) AS "standardError"
      FROM figure GROUP BY arm, step, benchmark, protocol, settings, metric
    )
    SELECT * FROM score
    UNION ALL
    SELECT arm, step, benchmark, protocol, settings, 'perplexity', "numItems", exp(value), exp(value) * "standardError"
    FROM score WHERE metric IN ('lossNats', 'wordLossNats')
    ORDER BY step, benchmark, protocol, settings, arm, metric`;
  return rows.map(({ settings, ...row }) => ({ ...row, settings: JSON.parse(settings) as ScoringSettings })); // settingsText wrote it
}
