/** ExportIndex and ImportIndex: the index as a stream of messages, and back. */
import type { ImportIndexRequest } from '../../../gen/artifacta/v1/index_export_pb.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { ExportPart } from '../../store/custody/export.ts';
import type { ExportPlace } from '../../store/custody/exports.ts';
import type { StoreHost } from '../../store/custody/host.ts';
import { rebuilt, removeExportsOf } from '../../store/custody/rebuilt.ts';
import type { Call } from '../handlers.ts';
import { inTime } from '../receiving/client-stream.ts';
import { exportFormat } from './export-format.ts';
import { PartReader, PartWriter } from './index-parts.ts';

/** Answers ExportIndex. @param version the version of the software, which the header names. */
export async function* exportIndex(host: Pick<StoreHost, 'exportIndex'>, version: string) {
  const writer = new PartWriter(version);
  for await (const part of host.exportIndex()) yield { part: writer.message(part) };
}

/** What an import brought. */
interface Imported {
  readonly rows: number;
  /** What was found in the place of the exports; empty for an import whose parts were sent. */
  readonly source: string;
}

/** Receives an export for ImportIndex. @throws Failure as {@link StoreHost.importIndex}. */
export async function importIndex(
  host: Pick<StoreHost, 'importIndex' | 'identity' | 'state'>,
  place: ExportPlace | undefined,
  requests: AsyncIterable<ImportIndexRequest>,
  { signal, after, isExcused }: Call,
): Promise<Imported> {
  const idleMs = () => limits.idleSecondsMax * 1000;
  const first = await firstOf(inTime(requests[Symbol.asyncIterator](), { signal, after, idleMs, isExcused }));
  const { from } = first.first;
  if (from === '') return { rows: await host.importIndex(importParts(first), first.replace), source: '' };
  if (first.first.part !== undefined) throw invalid('from', 'cannot be given with a part');
  if (place?.segments === undefined)
    throw invalid(
      'from',
      'cannot be given: the service has no place of its own for exports, and none is shipped',
    );
  if (from !== place.name)
    throw invalid('from', `must be the place of this service's exports, ${place.name}`);
  const shipped = { exports: place.exports, segments: place.segments };
  let source = '';
  const format = exportFormat('');
  const present = host.state === 'serving' ? await host.identity() : undefined;
  const parts = rebuilt(shipped, {
    format,
    present,
    onFound: (message) => {
      source = message;
    },
  });
  const rows = await host.importIndex(parts, first.replace);
  // A store that was made only for this import must not be taken for another one later.
  if (present?.isEmpty) await removeExportsOf(place.exports, format, present.storeId);
  return { rows, source };
}

interface Import {
  readonly replace: boolean;
  readonly first: ImportIndexRequest;
  readonly rest: AsyncIterator<ImportIndexRequest>;
}

async function firstOf(rest: AsyncIterator<ImportIndexRequest>): Promise<Import> {
  const { value, done } = await rest.next();
  if (done === true)
    throw new Failure('UPLOAD_INCOMPLETE', 'part: must begin with the header of an export', {
      violations: [{ field: 'part', description: 'must begin with the header of an export' }],
    });
  return { replace: value.replace, first: value, rest };
}

async function* importParts({ first, rest }: Import): AsyncGenerator<ExportPart> {
  const reader = new PartReader();
  try {
    for (let request = first; ; ) {
      yield reader.part(request.part);
      const next = await rest.next();
      if (next.done === true) return;
      request = next.value;
    }
  } finally {
    // An iteration that still waits for a message may never answer this.
    void rest.return?.().catch(() => undefined);
  }
}
