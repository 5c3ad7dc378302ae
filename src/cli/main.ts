// The command line: one file a command. Results go to stdout, everything else to stderr; a caller's fault exits with 2.
import { Command } from 'commander';
import { ConflictError, DataError, InputError, messageOf, NotFoundError } from '../errors.ts';
import { addSuiteCommand } from './suite.ts';

const program = new Command('tiresias')
  .description('replay, rewrite, resume, measure: one bias intervention on a Pythia model, provable')
  .showHelpAfterError('(add --help for usage)');

addSuiteCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  const isExpected = [InputError, DataError, NotFoundError, ConflictError].some((kind) => error instanceof kind);
  process.stderr.write(`tiresias: ${isExpected || !(error instanceof Error) ? messageOf(error) : error.stack}\n`);
  process.exitCode = isExpected ? 2 : 1;
}
