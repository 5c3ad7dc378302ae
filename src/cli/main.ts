// The command line: one file a command, loaded when it is the one that was named, because all together take half a second. Results go to
// stdout, everything else to stderr; a caller's fault exits with 2.
import { Command } from 'commander';
import {
  ConflictError,
  DataError,
  InputError,
  messageOf,
  NotFoundError,
  OutOfMemoryError,
  TransientError,
} from '../errors.ts';
import { exactGpuSettings } from '../settings.ts';

type Add = (program: Command) => void;

/** Each command's way into the program, in the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<readonly Add[]>>> = {
  up: async () => [(await import('./up.ts')).addUpCommand],
  demo: async () => [(await import('./demo.ts')).addDemoCommand],
  doctor: async () => [(await import('./doctor.ts')).addDoctorCommand],
  server: async () => [(await import('./server.ts')).addServerCommand],
  worker: async () => [(await import('./worker.ts')).addWorkerCommand],
  workers: async () => [(await import('./workers.ts')).addWorkersCommand],
  submit: async () => [(await import('./submit.ts')).addSubmitCommand],
  preview: async () => [(await import('./preview.ts')).addPreviewCommand],
  estimate: async () => [(await import('./estimate.ts')).addEstimateCommand],
  sweep: async () => [(await import('./sweep.ts')).addSweepCommand],
  jobs: async () => [(await import('./jobs.ts')).addJobsCommand],
  watch: async () => [(await import('./watch.ts')).addWatchCommand],
  logs: async () => [(await import('./logs.ts')).addLogsCommand],
  cancel: async () => [(await import('./cancel.ts')).addCancelCommand],
  pause: async () => [(await import('./pause.ts')).addPauseCommand],
  resume: async () => [(await import('./resume.ts')).addResumeCommand],
  retry: async () => [(await import('./retry.ts')).addRetryCommand],
  clean: async () => [(await import('./clean.ts')).addCleanCommand],
  backup: async () => [(await import('./backup.ts')).addBackupCommand],
  restore: async () => [(await import('./backup.ts')).addRestoreCommand],
  compare: async () => [(await import('./compare.ts')).addCompareCommand],
  verify: async () => [(await import('./verify.ts')).addVerifyCommand],
  export: async () => [
    (await import('./export-neox.ts')).addExportNeoxCommand,
    (await import('./export-job.ts')).addExportJobCommands,
  ],
  import: async () => [(await import('./import-neox.ts')).addImportNeoxCommand],
  models: async () => [(await import('./models.ts')).addModelsCommand],
  datasets: async () => [(await import('./datasets.ts')).addDatasetsCommand],
  benchmarks: async () => [(await import('./benchmarks.ts')).addBenchmarksCommand],
  policies: async () => [(await import('./policies.ts')).addPoliciesCommand],
  suite: async () => [(await import('./suite.ts')).addSuiteCommand],
  checkpoint: async () => [
    (await import('./checkpoint-import.ts')).addCheckpointImportCommand,
    (await import('./checkpoint-export.ts')).addCheckpointExportCommand,
  ],
  replay: async () => [(await import('./replay.ts')).addReplayCommand],
  rewrite: async () => [(await import('./rewrite.ts')).addRewriteCommand],
  tokens: async () => [(await import('./tokens.ts')).addTokensCommand],
  score: async () => [(await import('./score.ts')).addScoreCommand],
  loss: async () => [(await import('./loss.ts')).addLossCommand],
  generate: async () => [(await import('./generate.ts')).addGenerateCommand],
  bench: async () => [(await import('./bench.ts')).addBenchCommand],
};

exactGpuSettings();
const program = new Command('tiresias')
  .description('replay, rewrite, resume, measure: one bias intervention on a Pythia model, provable')
  .enablePositionalOptions() // options behind a subcommand are its own
  .showHelpAfterError('(add --help for usage)');

const named = process.argv[2] ?? '';
// The general help, and the word about a command that is none, know of all.
const wanted = Object.hasOwn(COMMANDS, named) ? [COMMANDS[named]!] : Object.values(COMMANDS);

try {
  for (const load of wanted) for (const add of await load()) add(program); // a faulty setting of the log is told here
  await program.parseAsync();
} catch (error) {
  const isExpected = [InputError, DataError, NotFoundError, ConflictError, TransientError].some(
    (kind) => error instanceof kind,
  );
  const isNamed = isExpected || error instanceof OutOfMemoryError;
  process.stderr.write(`tiresias: ${isNamed || !(error instanceof Error) ? messageOf(error) : error.stack}\n`);
  process.exitCode = isExpected ? 2 : 1;
}
