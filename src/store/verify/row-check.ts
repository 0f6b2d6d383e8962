/** Rows that cannot be read, of the families that are not derived. */

import type { Sha256 } from '../../domain/digest.ts';
import type { Snapshot } from '../../index/door.ts';
import { commitRange, keys } from '../../index/keys.ts';
import { type Diagnosis, diagnosis } from './finding.ts';
import { type AnyFamily, derivedFamilies, familyOf } from './owners.ts';
import type { Scope } from './scope.ts';

const others: readonly AnyFamily[] = [keys.artifacts.head, keys.blobs.record, keys.blobs.quarantine];

/** Counts every row of the index; yields those that cannot be read or are of no family. */
export async function* unreadableRows(
  snapshot: Snapshot,
  scope: Scope,
  onRows: (count: number) => void,
): AsyncGenerator<Diagnosis> {
  const ranges = [
    { gte: Uint8Array.of(0), lt: commitRange.gte },
    { gte: commitRange.lt, lt: Uint8Array.of(0xff) },
  ];
  for (const range of ranges) {
    for await (const block of snapshot.examine(range)) {
      onRows(block.length);
      for (const row of block) {
        if (row.kind === 'unreadable')
          yield diagnosis(
            'ROW_CORRUPT',
            {},
            `the rows after ${scope.describe(row.key)} cannot be read; import an export, or accept the loss`,
          );
        else yield* judge(scope, row.key, row.kind === 'row' ? row.value : undefined);
      }
    }
  }
}

function* judge(scope: Scope, key: Uint8Array, value: Uint8Array | undefined): Generator<Diagnosis> {
  const family = familyOf.get(key[0]!);
  if (family === undefined) {
    yield diagnosis('ROW_CORRUPT', {}, `${scope.describe(key)} is of no known kind`);
    return;
  }
  if (value !== undefined && scope.decode(family, value) !== undefined) return;
  // Other checks know what rows of these families should be.
  if (derivedFamilies.includes(family) || others.includes(family)) return;
  const parts = scope.parse(family, key);
  if (parts === undefined) return;
  const about = { namespace: String(parts[typeof family.owner === 'number' ? family.owner : 0]) };
  if (family === keys.blobs.bytes || family === keys.blobs.bytesByTime || family === keys.blobs.crcs) {
    const sha256 = parts[Number(family.owner) + 1] as Sha256;
    yield diagnosis(
      'CONTENT_CORRUPT',
      { ...about, sha256 },
      `${scope.describe(key)} is damaged; pushing the same bytes again heals it`,
      {
        kind: 'quarantine',
        ns: about.namespace,
        sha256,
        name: undefined,
        message: 'the bytes in the index are damaged',
      },
    );
    return;
  }
  if (family === keys.blobs.preview) {
    const message =
      `${scope.describe(key)} is damaged; it only speeds up previews, and the service reads the content ` +
      'itself instead';
    yield diagnosis('INDEX_ROW_WRONG', about, message, {
      kind: 'leftOver',
      ns: about.namespace,
      sha256: parts[1] as Sha256,
      key,
    });
    return;
  }
  if (family === keys.calls.requestIdByDay) {
    const message =
      `${scope.describe(key)} is damaged; calls with this request id fail until a repair forgets it: after that, a retry ` +
      'counts as another request';
    yield diagnosis('ROW_CORRUPT', about, message, { kind: 'derive', key, owner: undefined });
    return;
  }
  yield diagnosis(
    'ROW_CORRUPT',
    about,
    `${scope.describe(key)} is damaged; import an export, or accept the loss of its data`,
  );
}
