// Why a job failed, in words, and what a researcher can do about it.
import type { FailureReason } from '../job-spec.ts';

interface FailureWords {
  readonly title: string;
  readonly advice: string;
}

const WORDS: Readonly<Record<FailureReason, FailureWords>> = {
  'no-edits': {
    title: 'No pronoun was changed in the whole window',
    advice:
      'Check direction and probability. If no edits are what you expect (probability 0), submit it again with intervention.expectNoEdits.',
  },
  'out-of-memory': {
    title: 'The machine ran out of memory',
    advice:
      'Submit it again as the message proposes: a smaller micro-batch size, layers computed again, or more memory. The result stays the same.',
  },
  storage: {
    title: 'A checkpoint could not be written',
    advice: 'Mend what the message names, then retry: the job goes on from its last checkpoint.',
  },
  'bad-checkpoint': {
    title: 'The checkpoint could not be used',
    advice: 'Fetch or register the model again; the message names the file and what was found in it.',
  },
  'bad-data': {
    title: 'The dataset could not be used',
    advice: 'Check the dataset files against their checksums; the message names the file and place.',
  },
  'bad-spec': {
    title: 'The job asks for something impossible',
    advice: 'Use this job as a template, correct what the message names, and submit it again.',
  },
  numerical: {
    title: 'Training left the range of finite numbers',
    advice: 'Look at the loss curve before the last step. Try fp32 precision, or the exact optimizer state.',
  },
  'worker-lost': {
    title: 'The worker went away and did not come back',
    advice: 'Check that a worker runs and that its machine did not stop it, then submit the job again.',
  },
  poison: {
    title: 'Every attempt ended the whole worker',
    advice: 'Most often memory: try a smaller micro-batch size. The worker’s log has its last words.',
  },
  program: {
    title: 'The program has a fault',
    advice: 'Please report it with the message below and the manifest.',
  },
};

/** Words for a failure's reason code; a code of a newer server is shown as it is. */
export function failureWords(reason: string | null): FailureWords {
  const known = reason === null ? undefined : (WORDS as Readonly<Record<string, FailureWords>>)[reason];
  return known ?? { title: reason ?? 'The job failed', advice: 'The message below says what happened.' };
}
