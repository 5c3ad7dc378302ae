// `tiresias tokens create | list | revoke`: who is let in to the API. They write to the database itself, so who can run them needs no token.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { SCOPES, type Scope } from '../api/caller.ts';
import { recordAudit } from '../store/audit.ts';
import { createToken, listTokens, revokeToken, type TokenRow } from '../store/tokens.ts';
import { withDatabase } from './own-database.ts';
import { formatAge, formatTable, printable } from './table.ts';

const HELP = `
Scopes: read sees everything; submit also submits, changes and cancels jobs; admin also registers models and datasets and reads the audit. Commands show the
server the token in TIRESIAS_TOKEN. Without DATABASE_URL the embedded database in TIRESIAS_HOME is asked.

Examples:
  $ export TIRESIAS_TOKEN=$(tiresias tokens create --name laptop --scope submit --days 90)
  $ tiresias tokens list
  $ tiresias tokens revoke 0198f2c4-…
`;

/** Adds the commands to `tiresias tokens`. */
export function addApiTokens(tokens: Command): void {
  tokens.enablePositionalOptions();
  tokens
    .command('create')
    .description('make a token for the API; it is printed this once')
    .requiredOption('--name <text>', 'whose, or what for: the audit says it', parseName)
    .addOption(new Option('--scope <scope>', 'what it may do').choices(SCOPES).makeOptionMandatory())
    .option('--days <n>', 'how long it lives (default: until it is revoked)', parseDays)
    .option('--json', 'print {"token", "id", "name", "scope", "expiresAt"}')
    .addHelpText('after', HELP)
    .action(create);
  tokens
    .command('list')
    .description('the tokens of the API, newest first; they themselves are not stored')
    .option('--json', 'print one JSON array')
    .action(list);
  tokens
    .command('revoke')
    .description('end a token of the API, and the sessions made with it, at once')
    .argument('<id>', 'of `tiresias tokens list`')
    .action(async (id: string) => {
      const row = await withDatabase(async (database) => {
        const revoked = await revokeToken(database, id);
        await recordAudit(database, {
          tokenId: revoked.id,
          caller: 'command line',
          action: `revoked the token ${revoked.name}`,
        });
        return revoked;
      });
      process.stdout.write(`${stateOf(row)}\n`);
    });
}

interface CreateOptions {
  readonly name: string;
  readonly scope: Scope;
  readonly days?: number;
  readonly json?: true;
}

async function create({ name, scope, days, json }: CreateOptions): Promise<void> {
  const { token, row } = await withDatabase(async (database) => {
    const made = await createToken(database, { name, scope, lifetimeDays: days });
    const action = `created the token ${name} with the scope ${scope}`;
    await recordAudit(database, { tokenId: made.row.id, caller: 'command line', action });
    return made;
  });
  const { id, expiresAt } = row;
  process.stdout.write(`${json ? JSON.stringify({ token, id, name, scope, expiresAt }) : token}\n`);
}

async function list({ json }: { readonly json?: true }): Promise<void> {
  const rows = await withDatabase(listTokens);
  if (json) {
    process.stdout.write(`${JSON.stringify(rows.map((row) => ({ ...row, state: stateOf(row) })))}\n`);
    return;
  }
  const lines = rows.map((row) => [
    row.id,
    row.scope,
    stateOf(row),
    row.lastUsedAt === null ? 'never' : formatAge(row.lastUsedAt.toISOString()),
    printable(row.name),
  ]);
  process.stdout.write(formatTable([['ID', 'SCOPE', 'STATE', 'USED', 'NAME'], ...lines]));
}

function stateOf({ revokedAt, expiresAt }: TokenRow): 'valid' | 'revoked' | 'expired' {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && expiresAt.getTime() <= Date.now() ? 'expired' : 'valid';
}

function parseName(text: string): string {
  if (/^[^\0\p{Cc}]{1,100}$/u.test(text)) return text;
  throw new InvalidArgumentError('expected 1 to 100 printable characters.');
}

function parseDays(text: string): number {
  const days = Number(text);
  if (days > 0 && days <= 36_500) return days;
  throw new InvalidArgumentError('expected a number of days above 0.');
}
