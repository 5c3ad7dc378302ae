// What a worker and its trainer say to each other over IPC.
import type { Arm, FailureReason, JobSpec } from '../src/job-spec.ts';
import type { DatasetDescription } from '../src/data/replay.ts';
import type { ScoringTask } from '../src/eval/scoring-task.ts';
import type { CheckpointRecord, EvaluationRecord, StepRecord } from '../src/store/records.ts';
import type { BackendName } from '../src/tensor/backend.ts';
import type { RunPlan } from '../src/train/plan.ts';
import type { TaskAccess } from './batches.ts';

interface SharedTask {
  readonly configPath: string;
  readonly dataset: DatasetDescription;
  readonly access: TaskAccess;
  readonly plan: RunPlan;
  readonly backend: BackendName;
  /** New checkpoints become `step-N` in here. */
  readonly checkpointFolder: string;
}

/** The estimate of Adam's moments from which the trained arms start, complete: the trainer reads nothing else. */
export interface BurnInTask extends SharedTask {
  readonly arm: 'burn-in';
  /** The suite's checkpoint. */
  readonly startFolder: string;
}

/** One arm's work, complete: the trainer reads nothing else. */
export interface TrainerTask extends SharedTask {
  readonly arm: Arm;
  readonly tokenizerPath: string;
  /** Where the weights come from: the suite's checkpoint, the burn-in's, or the run's own newest one. */
  readonly startFolder: string;
  /** The step as which `startFolder` is only scored: of the published arm, and of what was trained outside; null where it is trained. */
  readonly scoreAt: number | null;
  /** Whether `startFolder` is one of this run's own checkpoints: then it is resumed exactly, whatever the plan says. */
  readonly isOwnCheckpoint: boolean;
  /** Samples no step reads, [from, to): the text on which perplexity is measured; null when there are none. */
  readonly heldBack: { readonly from: number; readonly to: number } | null;
  readonly intervention: JobSpec['intervention'];
  readonly scorings: readonly ScoringTask[];
}

export const PHASES = ['loading', 'training', 'evaluating', 'done'] as const;
export type Phase = (typeof PHASES)[number];

export type TrainerMessage =
  | { readonly type: 'phase'; readonly phase: Phase }
  | { readonly type: 'step'; readonly record: StepRecord }
  /** A batch that a burn-in has read. */
  | { readonly type: 'burn-in'; readonly step: number; readonly lossNats: number }
  | { readonly type: 'evaluation'; readonly step: number; readonly evaluation: EvaluationRecord }
  | { readonly type: 'checkpoint'; readonly checkpoint: CheckpointRecord }
  | { readonly type: 'finished' }
  /** Stopped on request, with the state saved. */
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly reason: FailureReason; readonly message: string };

export type WorkerMessage = { readonly type: 'task'; readonly task: TrainerTask | BurnInTask };
