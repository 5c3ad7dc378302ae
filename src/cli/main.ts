// The command line: one file a command. Results go to stdout, everything else to stderr; a caller's fault exits with 2.
import { Command } from 'commander';
import { ConflictError, DataError, InputError, messageOf, NotFoundError, TransientError } from '../errors.ts';
import { addBenchCommand } from './bench.ts';
import { addBenchmarksCommand } from './benchmarks.ts';
import { addCancelCommand } from './cancel.ts';
import { addCheckpointExportCommand } from './checkpoint-export.ts';
import { addCheckpointImportCommand } from './checkpoint-import.ts';
import { addDatasetsCommand } from './datasets.ts';
import { addDemoCommand } from './demo.ts';
import { addDoctorCommand } from './doctor.ts';
import { addGenerateCommand } from './generate.ts';
import { addJobsCommand } from './jobs.ts';
import { addLossCommand } from './loss.ts';
import { addModelsCommand } from './models.ts';
import { addPoliciesCommand } from './policies.ts';
import { addReplayCommand } from './replay.ts';
import { addRewriteCommand } from './rewrite.ts';
import { addScoreCommand } from './score.ts';
import { addServerCommand } from './server.ts';
import { addSubmitCommand } from './submit.ts';
import { addSuiteCommand } from './suite.ts';
import { addSweepCommand } from './sweep.ts';
import { addTokensCommand } from './tokens.ts';
import { addUpCommand } from './up.ts';
import { addWatchCommand } from './watch.ts';
import { addWorkerCommand } from './worker.ts';

const program = new Command('tiresias')
  .description('replay, rewrite, resume, measure: one bias intervention on a Pythia model, provable')
  .showHelpAfterError('(add --help for usage)');

addUpCommand(program);
addDemoCommand(program);
addDoctorCommand(program);
addServerCommand(program);
addWorkerCommand(program);
addSubmitCommand(program);
addSweepCommand(program);
addJobsCommand(program);
addWatchCommand(program);
addCancelCommand(program);
addModelsCommand(program);
addDatasetsCommand(program);
addBenchmarksCommand(program);
addPoliciesCommand(program);
addSuiteCommand(program);
addCheckpointImportCommand(program);
addCheckpointExportCommand(program);
addReplayCommand(program);
addRewriteCommand(program);
addTokensCommand(program);
addScoreCommand(program);
addLossCommand(program);
addGenerateCommand(program);
addBenchCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  const isExpected = [InputError, DataError, NotFoundError, ConflictError, TransientError].some(
    (kind) => error instanceof kind,
  );
  process.stderr.write(`tiresias: ${isExpected || !(error instanceof Error) ? messageOf(error) : error.stack}\n`);
  process.exitCode = isExpected ? 2 : 1;
}
