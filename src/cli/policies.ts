// `tiresias policies`: the named, versioned ways of rewriting that a job can ask for.
import type { Command } from 'commander';
import { policies } from '../../augmentation/policies.ts';

/** Adds the command to the program. */
export function addPoliciesCommand(program: Command): void {
  program
    .command('policies')
    .description('the named, versioned ways of rewriting')
    .option('--json', 'print one JSON array')
    .addHelpText('after', '\nExamples:\n  tiresias policies\n  tiresias policies --json')
    .action(({ json }: { readonly json?: boolean }) => {
      process.stdout.write(
        json === true ? `${JSON.stringify(policies, null, 2)}\n` : policies.map(describe).join('\n'),
      );
    });
}

function describe({ name, version, directions, description }: (typeof policies)[number]): string {
  return `${name} ${version}\n  ${description}\n  directions: ${directions.join(', ')}\n`;
}
