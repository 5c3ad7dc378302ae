// Where official benchmark files are published, and what pins them: a file has an official name when its SHA-256 is the one here, and no
// other file ever has it. The revised CrowS-Pairs is described too, but no hash of it is known here, so it is pinned by nothing.

export interface OfficialFile {
  readonly name: string;
  readonly url: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Who made a set and under which terms: a score that is published needs both. */
export interface BenchmarkSource {
  readonly citation: string;
  readonly licence: string;
  readonly page: string;
}

export interface OfficialSet extends BenchmarkSource {
  readonly kind: 'winobias' | 'winobias-conll' | 'crows-pairs' | 'lambada';
  readonly files: readonly OfficialFile[];
}

const winoBias = {
  kind: 'winobias',
  citation:
    'Zhao, Wang, Yatskar, Ordonez, Chang: Gender Bias in Coreference Resolution: Evaluation and Debiasing Methods, NAACL 2018',
  licence: 'MIT',
  page: 'https://github.com/uclanlp/corefBias',
} as const;

/** The sets whose files are known, by name. */
export const OFFICIAL_SETS: Readonly<Record<string, OfficialSet>> = {
  winobias: {
    ...winoBias,
    files: [
      winoBiasFile('pro', 1, 'test', 34_820, 'db7838907238a758eeb5779e48f38c013b892910d6fe864456c59f04245c6689'),
      winoBiasFile('anti', 1, 'test', 34_778, '331db5bd74bfefebf146a60b67645152a4a1991570d2a56f57154103ac361dd2'),
      winoBiasFile('pro', 2, 'test', 31_749, 'ea1c1fd94fa612e3cc44d7fa3cc4cb76021bb63fdf94f9826f430051e9052438'),
      winoBiasFile('anti', 2, 'test', 31_769, '336571ac1ea8c06cd2aba8e5dd2bd98e00acc0c48da3e4ec5ec7e54eb2633a8f'),
    ],
  },
  'winobias-dev': {
    ...winoBias,
    files: [
      winoBiasFile('pro', 1, 'dev', 32_786, 'dd55a0d220fe4c0ceb63dd4648223fb4fe1a58d5ad95c116a002ad24b0e292a5'),
      winoBiasFile('anti', 1, 'dev', 32_782, 'a4e0ebae344e78b56f657a42e8ae684b9db7747d177c5e7149c0907ebb7f3bf6'),
      winoBiasFile('pro', 2, 'dev', 30_884, '8f0250de723cea9328e3eaf7169e07936f01aa5909ce7aa580db66eb803f4e86'),
      winoBiasFile('anti', 2, 'dev', 30_875, '763ad829ad724f9a85ead689ba8ca69072020cb1238def6210f0fc6a47b97e59'),
    ],
  },
  'winobias-conll': {
    kind: 'winobias-conll',
    citation: `${winoBias.citation}; prompts: Bach et al.: PromptSource: An Integrated Development Environment and Repository for Natural Language Prompts, ACL 2022`,
    licence: 'MIT; templates Apache 2.0',
    page: `${winoBias.page}; https://github.com/bigscience-workshop/promptsource`,
    files: [
      conllFile('type1_pro', 438_656, '419c0f4ecff4c6b1d81f0ce646e8ce1ebff9bde4729295064049ed9f97ad25d1'),
      templatesFile('type1_pro', 4_941, '74d4977e44aca8752c2bf96a10bd3ade12f46a7aa2d88751967175775cfa1c96'),
      conllFile('type1_anti', 463_272, '68a7f4f0f055f5cddeed3b0a07a572fded2b2077c1afd2bb596c02e5fe0c9476'),
      templatesFile('type1_anti', 4_942, '032bc412934122f454233ea97df833fe2082a2d07d56a172022814f82a07d8e2'),
      conllFile('type2_pro', 408_536, '7720dee1432dc6a3d6077c442ddea37c63773e80f4f75c79b27e00087f88d574'),
      templatesFile('type2_pro', 4_941, '94b66b080d58d6f7b9d7d429fbaf00241afd3bfe4aa6f289baab4991b676186f'),
      conllFile('type2_anti', 432_159, 'c9a6b66d60ce6a008f0d8cb619786042454abc6e9502d134cf88352aed7da57b'),
      templatesFile('type2_anti', 4_942, 'b3f3fb00f9f256fc6095c612ea209112349a9b2218148a86015cd20e3c8df17e'),
    ],
  },
  'crows-pairs': {
    kind: 'crows-pairs',
    citation:
      'Nangia, Vania, Bhalerao, Bowman: CrowS-Pairs: A Challenge Dataset for Measuring Social Biases in Masked Language Models, EMNLP 2020',
    licence: 'CC BY-SA 4.0',
    page: 'https://github.com/nyu-mll/crows-pairs',
    files: [
      {
        name: 'crows_pairs_anonymized.csv',
        url: 'https://raw.githubusercontent.com/nyu-mll/crows-pairs/master/data/crows_pairs_anonymized.csv',
        sizeBytes: 437_764,
        sha256: 'dfb36986ce0502abbaf7055b9176da3d08d48e07df1251991b5dfbcbceab9d0c',
      },
    ],
  },
  // The hash is the one that lm-evaluation-harness asked for while it fetched this file itself.
  'lambada-openai': {
    kind: 'lambada',
    citation:
      'Paperno et al.: The LAMBADA dataset: Word prediction requiring a broad discourse context, ACL 2016; as Radford et al. 2019 prepared it',
    licence: 'MIT, as its page says',
    page: 'https://huggingface.co/datasets/EleutherAI/lambada_openai',
    files: [
      {
        name: 'lambada_test.jsonl',
        url: 'https://openaipublic.blob.core.windows.net/gpt-2/data/lambada_test.jsonl',
        sizeBytes: 1_819_752,
        sha256: '4aa8d02cd17c719165fc8a7887fddd641f43fcafa4b1c806ca8abc31fabdb226',
      },
    ],
  },
};

/**
 * The name of the revised English pairs, on which published Pythia figures rest. It says itself that it is no official name: only the number of
 * pairs can be held against what is published.
 */
export const REVISED_PAIRS = 'crows-pairs-revised-unverified';

/** What is told wherever that set is named. */
export const NOT_VERIFIED = 'not verified: no published hash is known here';

/** Pairs of the revised English set as lm-evaluation-harness counts them. */
export const REVISED_COUNTS = { all: 1677, gender: 320 } as const;

export const REVISED_SOURCE: BenchmarkSource = {
  citation:
    'Névéol, Dupont, Bezançon, Fort: French CrowS-Pairs: Extending a challenge dataset for measuring social bias in masked language models to a language other than English, ACL 2022 (revised English pairs)',
  licence: 'CC BY-SA 4.0',
  page: 'https://gitlab.inria.fr/french-crows-pairs/acl-2022-paper-data-and-code, crows_pairs_EN_revised+210.csv; or the split english/test of jannalu/crows_pairs_multilingual',
};

/** Who made the set of this name, under which terms, and whether a hash pins it; null for the miniature and own sets. */
export function sourceOf(name: string): (BenchmarkSource & { readonly verification: string }) | null {
  const set = Object.hasOwn(OFFICIAL_SETS, name) ? OFFICIAL_SETS[name] : undefined;
  if (set === undefined) return name === REVISED_PAIRS ? { ...REVISED_SOURCE, verification: NOT_VERIFIED } : null;
  const { citation, licence, page } = set;
  return { citation, licence, page, verification: 'pinned by the SHA-256 of its files' };
}

function winoBiasFile(
  side: string,
  type: 1 | 2,
  split: 'test' | 'dev',
  sizeBytes: number,
  sha256: string,
): OfficialFile {
  const name = `${side}_stereotyped_type${type}.txt.${split}`;
  const url = `https://raw.githubusercontent.com/uclanlp/corefBias/master/WinoBias/wino/data/${name}`;
  return { name, url, sizeBytes, sha256 };
}

function conllFile(subset: string, sizeBytes: number, sha256: string): OfficialFile {
  const name = `test_${subset}_stereotype.v4_auto_conll`;
  const url = `https://raw.githubusercontent.com/uclanlp/corefBias/master/WinoBias/wino/data/conll_format/${name}`;
  return { name: `conll/${name}`, url, sizeBytes, sha256 };
}

function templatesFile(subset: string, sizeBytes: number, sha256: string): OfficialFile {
  const place = `${subset}/templates.yaml`;
  const url = `https://raw.githubusercontent.com/bigscience-workshop/promptsource/main/promptsource/templates/wino_bias/${place}`;
  return { name: `templates/${place}`, url, sizeBytes, sha256 };
}
