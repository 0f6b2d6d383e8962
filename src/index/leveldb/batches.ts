/**
 * Writes batches to LevelDB row by row. The usual way hands over an array of objects, which `level` copies, and whose
 * members LevelDB's binding looks up by name: that takes three times as long on the calling thread. This is the only
 * place that uses members of `level` which it has for its own packages; its version is pinned for that reason.
 */
import { Failure } from '../../domain/errors.ts';
import type { Key, Value, Write } from '../row.ts';

/** A batch in LevelDB's own memory. */
interface NativeBatch {
  _put(key: Key, value: Value): void;
  _del(key: Key): void;
  _clear(): void;
  _write(options: { readonly sync: boolean }): Promise<void>;
}

interface Level {
  readonly status: string;
}

/** A larger batch is not kept for the next rows, since it keeps its memory. */
const keptBytesMax = 8 * 1024 * 1024;

/** The batches of one database, one after another. */
export class Batches {
  private readonly level: Level;
  /** Empty. Its memory is used again, which would otherwise be free only after a garbage collection. */
  private free: NativeBatch | undefined;

  constructor(level: Level) {
    this.level = level;
  }

  /** All or nothing. */
  async write(writes: readonly Write[], options: { readonly sync: boolean }): Promise<void> {
    if (this.level.status !== 'open') throw new Failure('STORE_UNAVAILABLE', 'the database is not open');
    const batch = this.free ?? newBatch(this.level);
    this.free = undefined;
    let bytes = 0;
    for (const write of writes) {
      bytes += write.key.length;
      if (write.type === 'del') batch._del(write.key);
      else {
        batch._put(write.key, write.value);
        bytes += write.value.length;
      }
    }
    await batch._write(options);
    if (bytes > keptBytesMax) return;
    batch._clear();
    this.free = batch;
  }
}

function newBatch(level: Level): NativeBatch {
  const { _chainedBatch: make } = level as { _chainedBatch?: () => Partial<NativeBatch> };
  const batch = make?.call(level);
  if (!batch?._put || !batch._del || !batch._clear || !batch._write)
    throw new Error('this version of level has no _chainedBatch with _put, _del, _clear and _write');
  return batch as NativeBatch;
}
