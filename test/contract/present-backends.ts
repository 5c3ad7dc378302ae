// The back ends that can run here, for tests that must hold on each; the absent ones keep their name and the reason.
import { BACKENDS, probeTensorflow, type BackendName } from '../../src/tensor/backend.ts';
import { probeNative } from '../../src/tensor/native.ts';

export interface BackendUnderTest {
  readonly name: BackendName;
  readonly isPresent: boolean;
  /** The name, and why it is skipped. */
  readonly title: string;
}

const absent: Partial<Record<BackendName, string>> = {};
for (const [name, probe] of [
  ['cuda', probeNative('cuda')],
  ['tensorflow', await probeTensorflow()],
  ['native', probeNative()],
] as const) {
  if (!probe.works) absent[name] = probe.reason;
}

export const BACKENDS_UNDER_TEST: readonly BackendUnderTest[] = BACKENDS.map((name) => {
  const reason = absent[name];
  return {
    name,
    isPresent: reason === undefined,
    title: reason === undefined ? `back end ${name}` : `back end ${name} (skipped: ${reason})`,
  };
});
