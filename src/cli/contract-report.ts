// `tiresias doctor --gpu` and `--contract`: the contract of all back ends on this machine, check by check, with what computed it.
import { CONTRACT, runCheck, type CheckResult } from '../contract/contract.ts';
import { exactGpuSettings } from '../settings.ts';
import { probeTensorflow, selectBackend, type BackendName } from '../tensor/backend.ts';
import { nativeFacts } from '../tensor/native.ts';
import { isTensorflowHere } from '../tensor/installed.ts';
import { describeCards, GPU_NEEDS, installCommand, tensorflowVersions } from './gpu.ts';
import { formatTable, printable } from './table.ts';

export interface ContractReport {
  readonly backend: BackendName;
  /** Whether the back end ran and no check failed. */
  readonly isPassed: boolean;
  /** Why it could not run and what to install; null when it ran. */
  readonly reason: string | null;
  /** What computed, by name. */
  readonly machine: Readonly<Record<string, string>>;
  readonly checks: readonly CheckResult[];
}

/** Runs the contract; each result is handed on as it comes. */
export async function runContract(
  backend: BackendName,
  needsGpu: boolean,
  onResult: (result: CheckResult) => void = () => undefined,
): Promise<ContractReport> {
  const gpuSettings = exactGpuSettings();
  const reason = backend === 'tensorflow' ? await whyNoTensorflow(needsGpu) : null;
  if (reason !== null) return { backend, isPassed: false, reason, machine: {}, checks: [] };
  const { name } = await selectBackend(backend);
  const checks = CONTRACT.map((check) => {
    const result = runCheck(check, name);
    onResult(result);
    return result;
  });
  return {
    backend: name,
    isPassed: checks.every(({ status }) => status !== 'failed'),
    reason: null,
    machine: { Node: process.versions.node, ...factsOf(name, gpuSettings) },
    checks,
  };
}

async function whyNoTensorflow(needsGpu: boolean): Promise<string | null> {
  const install = `run \`${installCommand()}\` where libtensorflow can be downloaded (for a GPU: ${GPU_NEEDS})`;
  if (!isTensorflowHere()) return `@tensorflow/tfjs-node-gpu is not installed here: ${install}`;
  const probe = await probeTensorflow();
  if (!probe.works) return `${probe.reason}: ${install}`;
  return needsGpu && !probe.hasGpu ? `${probe.reason}: a GPU needs ${GPU_NEEDS}` : null;
}

function factsOf(name: BackendName, gpuSettings: Readonly<Record<string, string>>): Record<string, string> {
  if (name === 'tensorflow') return tensorflowFacts(gpuSettings);
  if (name !== 'native' && name !== 'cuda') return {};
  return Object.fromEntries(Object.entries(nativeFacts(name) ?? {}).map(([fact, value]) => [fact, String(value)]));
}

function tensorflowFacts(gpuSettings: Readonly<Record<string, string>>): Record<string, string> {
  const versions = tensorflowVersions();
  return {
    GPU: describeCards()?.join('; ') ?? 'nvidia-smi does not answer',
    'tfjs-node-gpu': versions?.tfjsNodeGpu ?? 'unknown',
    libtensorflow: versions?.libtensorflow ?? 'unknown',
    ...gpuSettings,
  };
}

/** What follows the checks: what computed, and the verdict. */
export function describeReport({ backend, reason, machine, checks, isPassed }: ContractReport): string {
  if (reason !== null) return `${printable(reason)}\n`;
  const facts = Object.entries(machine).map(([name, value]) => [name, printable(value)]);
  const count = (wanted: CheckResult['status']) => checks.filter(({ status }) => status === wanted).length;
  const counts = `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped.`;
  const verdict = isPassed ? 'This back end computes as it should.' : 'This back end computes wrongly: do not use it.';
  return `\n${formatTable([['back end', backend], ...facts])}\n${counts} ${verdict}\n`;
}

/** One check in one line. */
export function describeResult({ name, status, deviation, tolerance, reason }: CheckResult): string {
  const short = (value: number) => (value === 0 ? '0' : value.toExponential(1));
  const found = deviation === null ? '' : `${short(deviation)} of ${short(tolerance)}`;
  return `${status.padEnd(9)}${found.padEnd(20)}${reason === null ? name : `${name}: ${printable(reason)}`}\n`;
}
