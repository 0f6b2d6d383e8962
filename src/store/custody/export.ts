/**
 * The index as a stream of rows, and back. An export is a header, rows in ascending order of their keys, and a footer
 * with the number of the rows and their hash. Without the footer the export is incomplete.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { Failure, failedWith, invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Examined } from '../../index/door.ts';
import { decodeRow, encodeRow } from '../../index/engine/stored-row.ts';
import { keys } from '../../index/keys.ts';
import type { Entry } from '../../index/row.ts';
import { readableFormats } from '../format.ts';

/** The origin of an export. */
export interface ExportHeader {
  readonly formatVersion: number;
  /** Empty if it cannot be read. */
  readonly storeId: string;
  /** The last commit in the export. */
  readonly commit: number;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  /** The chain of the segments that follow. Undefined: it is not known, or nothing is shipped. */
  readonly chain?: string | undefined;
}

/** A key and its value in the stored form: with its checksum. */
interface ExportRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One part of an export. */
export type ExportPart =
  | { readonly kind: 'header'; readonly header: ExportHeader }
  /** At most `exportPartRowsMax` rows of at most {@link exportBytesMax}, or a single row. */
  | { readonly kind: 'rows'; readonly rows: readonly ExportRow[] }
  | { readonly kind: 'footer'; readonly rows: number; readonly sha256: string };

const exportBytesMax = 1024 * 1024;

/** Yields the rows of blocks, in portions, followed by a footer. */
export async function* exportRows(blocks: AsyncIterable<readonly Entry[]>): AsyncGenerator<ExportPart> {
  const digest = new RowDigest();
  let rows: ExportRow[] = [];
  let bytes = 0;
  for await (const block of blocks) {
    for (const [key, value] of block) {
      const row = { key, value: encodeRow(key, value) };
      const rowBytes = key.length + row.value.length;
      const isFull = rows.length === limits.exportPartRowsMax || bytes + rowBytes > exportBytesMax;
      if (rows.length > 0 && isFull) {
        yield { kind: 'rows', rows };
        rows = [];
        bytes = 0;
      }
      digest.add(row);
      rows.push(row);
      bytes += rowBytes;
    }
  }
  if (rows.length > 0) yield { kind: 'rows', rows };
  yield { kind: 'footer', rows: digest.rows, sha256: digest.hex() };
}

/** Yields the rows of examined blocks that can be read. */
export async function* readableRows(
  blocks: AsyncIterable<readonly Examined[]>,
): AsyncGenerator<readonly Entry[]> {
  for await (const block of blocks) {
    const rows = block.flatMap((row): Entry[] => (row.kind === 'row' ? [[row.key, row.value]] : []));
    if (rows.length > 0) yield rows;
  }
}

/** SHA-256 over keys and values, each preceded by its length in four bytes, big-endian. */
class RowDigest {
  private readonly hash = createHash('sha256');
  private readonly length = Buffer.alloc(4);
  rows = 0;

  add({ key, value }: ExportRow): void {
    for (const bytes of [key, value]) {
      this.length.writeUInt32BE(bytes.length);
      this.hash.update(this.length).update(bytes);
    }
    this.rows++;
  }

  hex(): string {
    return this.hash.digest('hex');
  }
}

const familyCodes = new Set(
  Object.values(keys).flatMap((group) => Object.values(group).map((family) => family.code)),
);

/** Checks an export part by part. Every method fails with what is wrong and where it is. */
export class ExportReader {
  private readonly digest = new RowDigest();
  private last: Uint8Array = new Uint8Array(0);
  private isComplete = false;
  private header: ExportHeader | undefined;

  get rows(): number {
    return this.digest.rows;
  }

  /** @returns the rows of the part, checked; none for a header or a footer. */
  take(part: ExportPart): Entry[] {
    if (this.isComplete) throw incomplete('must end with the footer; something follows it');
    if (this.header === undefined) {
      if (part.kind !== 'header') throw incomplete('must begin with the header of an export');
      if (!readableFormats.includes(part.header.formatVersion))
        throw new Failure(
          'NOT_IMPLEMENTED',
          `part.header.format_version: the export has format ${part.header.formatVersion}, and this version reads ` +
            `formats ${readableFormats.join(' and ')}. If a newer version of artifacta wrote it, import it with that version. ` +
            `Otherwise the export was altered: ${remedy}`,
        );
      this.header = part.header;
      return [];
    }
    if (part.kind === 'header') throw incomplete('must have only one header');
    if (part.kind === 'rows') return part.rows.map((row) => this.takeRow(row));
    this.checkFooter(part);
    return [];
  }

  private takeRow(row: ExportRow): Entry {
    const field = `part.rows.rows[${this.digest.rows}]`;
    const { key } = row;
    // First: where bytes were altered, that is the fault to name, and nothing else that follows from it.
    const value = checkedValue(field, row);
    if (Buffer.compare(key, this.last) <= 0) throw invalid(field, 'must be in ascending order of the keys');
    const code = key[0]!;
    if (!familyCodes.has(code) || code === keys.store.commit.code)
      throw invalid(
        field,
        `must be the key of a kind of row that is exported: ${Buffer.from(key).toString('hex')}`,
      );
    this.last = key;
    this.digest.add(row);
    return [key, value];
  }

  private checkFooter({ rows, sha256 }: Extract<ExportPart, { kind: 'footer' }>): void {
    if (rows !== this.digest.rows)
      throw new Failure(
        'SIZE_MISMATCH',
        `part.footer: ${rows} rows were exported, and ${this.digest.rows} arrived; ${remedy}`,
        {
          violations: [{ field: 'part.footer.row_count', description: `${this.digest.rows} rows arrived` }],
        },
      );
    const actual = this.digest.hex();
    if (sha256 !== actual)
      throw new Failure(
        'DIGEST_MISMATCH',
        `part.footer: the SHA-256 of the rows is ${actual}, not ${sha256}; ${remedy}`,
        {
          violations: [{ field: 'part.footer.sha256', description: `the SHA-256 of the rows is ${actual}` }],
        },
      );
    this.isComplete = true;
  }

  /** Must be called after the last part. */
  end(): ExportHeader {
    if (this.header === undefined || !this.isComplete)
      throw incomplete('must end with the footer of an export');
    return this.header;
  }
}

function checkedValue(field: string, { key, value }: ExportRow): Uint8Array {
  try {
    return decodeRow(key, value);
  } catch (error) {
    if (!failedWith(error, 'DATA_LOSS')) throw error;
    throw altered(field);
  }
}

/** Returns the refusal of an export with a part that differs from what was written. */
export function altered(field: string): Failure {
  const description = `must match its checksum: the export was altered; ${remedy}`;
  return new Failure('DIGEST_MISMATCH', `${field}: ${description}`, { violations: [{ field, description }] });
}

const remedy = 'copy it again from its source, or import another';

function incomplete(what: string): Failure {
  const description = `${what}; ${remedy}`;
  return new Failure('UPLOAD_INCOMPLETE', `part: ${description}`, {
    violations: [{ field: 'part', description }],
  });
}
