// Whether the files, rules and versions here are those of a job's manifest: the manifest is made anew and compared entry by entry.
import { basename } from 'node:path';
import { DataError, messageOf } from '../../src/errors.ts';
import { makeManifest } from '../manifest.ts';
import type { Preparation } from '../preparation.ts';
import { parseRecord, type FileIdentity, type JobRecord } from '../record.ts';
import { compare, type Finding } from './finding.ts';

export interface FilesHere {
  readonly findings: readonly Finding[];
  /** Why bits may differ from the job's though nothing is wrong; empty on the same back end, machine type and versions. */
  readonly otherThanThen: readonly string[];
  /** Whether the start checkpoint is the job's. */
  readonly isStartTheSame: boolean;
}

/** Compares everything that the numbers of the job depend on. Throws what making a manifest throws, but for missing files. */
export async function compareFiles(record: JobRecord, preparation: Preparation, backend: string): Promise<FilesHere> {
  const here = await manifestHere(record, preparation);
  if (here instanceof DataError) {
    const words = messageOf(here);
    return {
      findings: [{ subject: 'files', verdict: 'not checked', words }],
      otherThanThen: [words],
      isStartTheSame: false,
    };
  }
  const start = compareLists('start checkpoint', record.model.start, here.model.start);
  const findings = [
    ...compareLists('model configuration', record.model.config, here.model.config),
    ...compareLists('tokenizer', record.model.tokenizer, here.model.tokenizer),
    ...start,
    ...compareLists('published checkpoint', record.model.published, here.model.published),
    ...compareLists('dataset', record.dataset.bin, here.dataset.bin),
    ...compareLists('dataset', record.dataset.idx, here.dataset.idx),
    compare('policy version', nameOf(record.policy), nameOf(here.policy), {
      words: 'the rules of rewriting are others now: take the release that ran the job',
    }),
    ...record.benchmarks.map(({ name, sha256 }) => {
      const found = here.benchmarks.find((benchmark) => benchmark.name === name)?.sha256;
      return compare(`benchmark ${name}`, sha256, found ?? 'none');
    }),
  ];
  const isStartTheSame = start.every(({ verdict }) => verdict === 'equal');
  return { findings, otherThanThen: otherThanThen(record, here, backend), isStartTheSame };
}

async function manifestHere(record: JobRecord, preparation: Preparation): Promise<JobRecord | DataError> {
  try {
    const made = await makeManifest(record.spec, preparation);
    return parseRecord(JSON.parse(JSON.stringify({ ...made, job: record.job, arms: {} })), 'the manifest made here');
  } catch (error) {
    if (error instanceof DataError) return error; // a file is missing; it is said which
    throw error;
  }
}

function nameOf({ name, version }: JobRecord['policy']): string {
  return `${name} ${version}`;
}

/** By the files' names: the folders may be others here. */
function compareLists(
  what: string,
  expected: readonly FileIdentity[] | null,
  found: readonly FileIdentity[] | null,
): Finding[] {
  return (expected ?? []).map((file) => {
    const subject = `${what}: ${fileName(file)}`;
    const other = found?.find((candidate) => fileName(candidate) === fileName(file));
    if (other === undefined) return { subject, verdict: 'not checked', words: 'it is not here' };
    const words = `${'path' in other ? other.path : other.url} is not the file that the job read`;
    if (other.sizeBytes !== file.sizeBytes)
      return compare(subject, `${file.sizeBytes} bytes`, `${other.sizeBytes} bytes`, { words });
    const [before, now] = [identityOf(file), identityOf(other)];
    if (before !== null && now !== null) return compare(subject, before, now, { words });
    return {
      subject,
      verdict: 'not checked',
      words: `only its size (${file.sizeBytes} bytes) is known: it was not hashed`,
    };
  });
}

function fileName(file: FileIdentity): string {
  return basename('path' in file ? file.path : new URL(file.url).pathname);
}

function identityOf(file: FileIdentity): string | null {
  return 'path' in file ? file.sha256 : (file.version ?? null);
}

function otherThanThen(record: JobRecord, here: JobRecord, backend: string): string[] {
  const { platform, arch, cpu } = here.machine;
  const pairs = [
    ['back end', record.plan.backend.name, backend],
    ['platform', `${record.machine.platform} ${record.machine.arch}`, `${platform} ${arch}`],
    ['processor', record.machine.cpu, cpu],
    ['Node.js', record.software.node, here.software.node],
    ['Tiresias', record.software.tiresias, here.software.tiresias],
    ['package lock', record.software.lockfileSha256, here.software.lockfileSha256],
  ] as const;
  return pairs.flatMap(([what, then, now]) => (then === now ? [] : [`${what}: ${then} then, ${now} here`]));
}
