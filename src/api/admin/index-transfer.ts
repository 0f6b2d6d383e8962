/** ExportIndex and ImportIndex: the index as a stream of messages, and back. */
import type { ImportIndexRequest } from '../../../gen/artifacta/v1/index_export_pb.ts';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { ExportPart } from '../../store/custody/export.ts';
import type { StoreHost } from '../../store/custody/host.ts';
import type { Call } from '../handlers.ts';
import { inTime } from '../receiving/client-stream.ts';
import { PartReader, PartWriter } from './index-parts.ts';

/** Answers ExportIndex. @param version the version of the software, which the header names. */
export async function* exportIndex(host: Pick<StoreHost, 'exportIndex'>, version: string) {
  const writer = new PartWriter(version);
  for await (const part of host.exportIndex()) yield { part: writer.message(part) };
}

/** Receives an export for ImportIndex. @returns the number of rows. @throws Failure as {@link StoreHost.importIndex}. */
export async function importIndex(
  host: Pick<StoreHost, 'importIndex'>,
  requests: AsyncIterable<ImportIndexRequest>,
  { signal, after }: Call,
): Promise<number> {
  const idleMs = () => limits.idleSecondsMax * 1000;
  const first = await firstOf(inTime(requests[Symbol.asyncIterator](), { signal, after, idleMs }));
  return await host.importIndex(importParts(first), first.replace);
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
