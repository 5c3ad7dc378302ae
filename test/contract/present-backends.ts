// The back ends that can run here, for tests that must hold on each; the absent ones keep their name and the reason.
import { BACKENDS, probeTensorflow, type BackendName } from '../../src/tensor/backend.ts';

export interface BackendUnderTest {
  readonly name: BackendName;
  readonly isPresent: boolean;
  /** The name, and why it is skipped. */
  readonly title: string;
}

const tensorflow = await probeTensorflow();

export const BACKENDS_UNDER_TEST: readonly BackendUnderTest[] = BACKENDS.map((name) => {
  const isPresent = name !== 'tensorflow' || tensorflow.works;
  return {
    name,
    isPresent,
    title: isPresent ? `back end ${name}` : `back end ${name} (skipped: ${tensorflow.reason})`,
  };
});
