/** The address of an index in PostgreSQL: `postgres://USER@HOST:PORT/DATABASE?schema=SCHEMA`. */

/** The place of an index in a database. */
export interface IndexAddress {
  /** The address of the database, without the schema. It may contain a password. */
  readonly url: string;
  readonly schema: string;
  readonly hasPassword: boolean;
}

const schemaDefault = 'artifacta';

/**
 * Parses the address. Returns what is wrong with it, as the end of a sentence that begins with the name of the setting.
 * The sentence does not show the address: it may contain a password.
 */
export function parseIndexAddress(text: string): IndexAddress | string {
  const url = URL.parse(text);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
    return 'must be postgres://USER@HOST:PORT/DATABASE, with ?schema=SCHEMA at its end if it is not artifacta';
  const schema = url.searchParams.get('schema') ?? schemaDefault;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith('pg_'))
    return 'must name a schema of at most 63 lower-case letters, digits and "_", which does not begin with a digit or pg_';
  url.searchParams.delete('schema');
  const hasPassword = url.password !== '' || url.searchParams.has('password');
  return { url: url.href, schema, hasPassword };
}

/** Returns the place for people, without a password. */
export function indexPlaceText({ url, schema }: IndexAddress): string {
  const { host, pathname } = new URL(url);
  return `the schema ${schema} of postgres://${host}${pathname}`;
}
