/**
 * What can be restored from the bucket, whatever becomes of the database and all replicas: nothing is under way, so that
 * within ten seconds it is the whole index, row by row.
 */
import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { exportFormat } from '../../../src/api/admin/export-format.ts';
import { openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { type ExportPart, ExportReader } from '../../../src/store/custody/export.ts';
import { rebuilt } from '../../../src/store/custody/rebuilt.ts';
import type { Cluster } from './cluster.ts';
import type { History } from './history.ts';
import { patientMs, type Reach } from './reach.ts';

interface Parts {
  readonly cluster: Cluster;
  readonly history: History;
  readonly reach: Reach;
}

/** As the service promises. */
const shippedMs = 10_000;
/** What an export, and the reading of both, may take beside. */
const readMs = 10_000;
const againMs = 500;

type Rows = ReadonlyMap<string, string>;

/** Compares the index with what the bucket gives back. */
export async function checkShipped({ cluster, history, reach }: Parts): Promise<void> {
  const endMs = performance.now() + shippedMs + readMs;
  for (;;) {
    const wanted = await present(reach, cluster);
    const { rows, said } = await restorable(cluster);
    const fault = difference(wanted, rows);
    if (fault === undefined) return;
    if (performance.now() > endMs) {
      history.fault(`what the bucket gives back is not the index: ${fault} (${said})`);
      return;
    }
    await delay(againMs);
  }
}

async function present(reach: Reach, cluster: Cluster): Promise<Rows> {
  const { client } = await reach.to(cluster.replicas[0]!, cluster.operator);
  const bytes = client.admin.exportIndex({ signal: AbortSignal.timeout(patientMs) });
  return await rowsOf(exportFormat('').parts(bytes));
}

async function restorable({ bucket }: Cluster): Promise<{ readonly rows: Rows; readonly said: string }> {
  const blobs = await openGcsBlobs(bucket);
  try {
    let said = '';
    const onFound = (message: string) => {
      said = message;
    };
    const shipped = { exports: blobs.exports(), segments: blobs.segments() };
    return { rows: await rowsOf(rebuilt(shipped, { format: exportFormat(''), onFound })), said };
  } finally {
    blobs[Symbol.dispose]();
  }
}

async function rowsOf(parts: AsyncIterable<ExportPart>): Promise<Rows> {
  const reader = new ExportReader();
  const rows = new Map<string, string>();
  for await (const part of parts)
    for (const [key, value] of reader.take(part)) rows.set(textOf(key), textOf(value));
  reader.end();
  return rows;
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function difference(wanted: Rows, found: Rows): string | undefined {
  for (const [key, value] of wanted) {
    const other = found.get(key);
    if (other === undefined) return `the row ${key} is missing`;
    if (other !== value) return `the row ${key} is another one`;
  }
  for (const key of found.keys()) if (!wanted.has(key)) return `the row ${key} is too many`;
  return undefined;
}
