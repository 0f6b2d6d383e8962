/** The rows of a test in SQLite, which knows nothing of how we find them. */
import { DatabaseSync } from 'node:sqlite';
import { type Row, type Tree, toSql } from './filters.ts';

/** A database of these rows, in memory. */
export function sqliteOf(rows: readonly Row[]): {
  ids(tree: Tree): string[];
  close(): void;
} {
  const database = new DatabaseSync(':memory:');
  database.exec(`
    CREATE TABLE row (id, session, name, content_type, size_bytes, create_time, expire_time, "session.state", "session.outcome");
    CREATE TABLE pair (id, map, key, value);
  `);
  const insertRow = database.prepare('INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const insertPair = database.prepare('INSERT INTO pair VALUES (?, ?, ?, ?)');
  for (const row of rows) {
    const { id, session, name, content_type, size_bytes, create_time, expire_time } = row;
    const facts = [row['session.state'], row['session.outcome'] ?? null];
    insertRow.run(id, session, name, content_type, size_bytes, create_time, expire_time ?? null, ...facts);
    for (const map of ['metadata', 'labels'] as const)
      for (const [key, value] of row[map]) insertPair.run(id, map, key, value);
  }
  return {
    ids: (tree) =>
      database
        .prepare(`SELECT id FROM row WHERE ${toSql(tree)} ORDER BY id DESC`)
        .all()
        .map(({ id }) => String(id)),
    close: () => database.close(),
  };
}
