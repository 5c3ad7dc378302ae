// What is wrong when a database cannot be opened, in one line that names DATABASE_URL, where it leads and what to do; never the password, and without the cause,
// which may hold the whole address.
import pg from 'pg';
import { InputError, messageOf, TransientError } from '../errors.ts';
import { asTransient } from './connection-errors.ts';

/** Where an address leads. */
interface Place {
  readonly server: string;
  readonly user: string;
  readonly database: string;
}

const SCHEMES = /^(postgres|postgresql|socket):/;

/** Throws InputError for an address that is not PostgreSQL's. */
export function placeOf(url: string): Place {
  try {
    const { host, port, user = '', database = '' } = new pg.Client({ connectionString: url });
    const server = `PostgreSQL at ${host.startsWith('/') ? host : `${host}:${port}`}`;
    if (SCHEMES.test(url)) return { server, user, database };
  } catch (error) {
    const { path } = error as NodeJS.ErrnoException; // of a certificate; what else it was is told below
    if (path !== undefined) throw new InputError(`DATABASE_URL names a file that cannot be read: ${path}`);
  }
  throw new InputError(
    'DATABASE_URL is no address of a PostgreSQL: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with signs such as # and / in the password percent-encoded',
  );
}

type Words = (place: Place, message: string) => string;

const passwordRefused: Words = ({ server, user }) =>
  `the password of the user "${user}" is refused by ${server}: correct user and password in DATABASE_URL`;
const tlsRefused: Words = ({ server }, message) =>
  `the encrypted connection to ${server} fails (${message}): correct sslmode in DATABASE_URL`;

/** By SQLSTATE (PostgreSQL appendix A), Node's codes for certificates, or the client's own words. */
const REFUSALS: readonly (readonly [RegExp, Words])[] = [
  [/^28P01$/, passwordRefused],
  [/^SASL: .*password must be/, ({ user }) => `the user "${user}" needs a password: write it into DATABASE_URL`],
  [
    /^28000$/,
    ({ server, user }) =>
      `${server} does not let the user "${user}" in: correct the user in DATABASE_URL, or the server's pg_hba.conf`,
  ],
  [
    /^3D000$/,
    ({ server, database }) =>
      `${server} has no database "${database}": create it (createdb ${database}), or correct its name in DATABASE_URL`,
  ],
  [
    /^42501$/,
    ({ server, user, database }) =>
      `the user "${user}" lacks rights in the database "${database}" of ${server}: make it the owner, or name another user in DATABASE_URL`,
  ],
  [/CERT|UNABLE_TO_|^The server does not support SSL/, tlsRefused],
];

/** The error of opening the database at `url`, in words of its address where that is at fault; one that is not available may come, and is a TransientError. */
export function withAddress(error: unknown, url: string): unknown {
  const code = String((error as { readonly code?: unknown } | null)?.code ?? '');
  const message = messageOf(error);
  const [, refusal] = REFUSALS.find(([pattern]) => pattern.test(code) || pattern.test(message)) ?? [];
  if (refusal !== undefined) return new InputError(refusal(placeOf(url), message));
  const passing = asTransient(error);
  if (!(passing instanceof TransientError)) return error;
  const isNameless = /^(ENOTFOUND|EAI_AGAIN)$/.test(code);
  const words = isNameless
    ? 'no host of this name is known'
    : passing.message.replace('the database is not available: ', '');
  return new TransientError(`${placeOf(url).server} is not available: ${words}; start it, or correct DATABASE_URL`);
}
