/**
 * A client that sends the bytes of its pushes to the bucket itself, while the service dies and its volume is lost. Some of
 * what it has begun it finishes only in a later life of the service: the URL and the token outlast the volume.
 */
import { ArtifactaError } from '../../../src/client/errors.ts';
import { toArtifactaError } from '../../../src/client/wire/to-error.ts';
import { sendAll } from '../bucket/direct.ts';
import { type Connection, callTimeoutMs } from '../connection.ts';
import type { BegunUpload } from '../oracle.ts';
import { sha256Of } from '../pushing.ts';
import { bytesOf, type Chance } from '../seeded.ts';
import { type Facts, fact } from './facts.ts';

const session = 'direct';
const options = { timeoutMs: callTimeoutMs };

/** What the service may say of an upload whose begin, or whose bytes, it does not know any more. */
const forgotten = new Set(['STORE_UNAVAILABLE', 'UPLOAD_INCOMPLETE', 'INVALID_ARGUMENT']);

export class DirectWorker {
  /** When it was acknowledged, in milliseconds since the Unix epoch, by name. */
  private readonly acked = new Map<string, number>();
  private readonly begun: BegunUpload[] = [];
  private readonly chance: Chance;
  private count = 0;

  constructor(chance: Chance) {
    this.chance = chance;
  }

  /** The uploads that were acknowledged. */
  get made(): number {
    return this.acked.size;
  }

  /** Works until a call fails. @returns the error. */
  async work({ artifacts }: Connection, isOver: () => boolean): Promise<unknown> {
    try {
      while (!isOver()) {
        const name = `n${++this.count}`;
        const bytes = bytesOf(this.chance.seed(), this.chance.between(500, 3_000));
        const spec = { session, name, sizeBytes: BigInt(bytes.length), sha256: sha256Of(bytes) };
        const { result } = await artifacts.beginDirectUpload({ spec }, options);
        if (result.case !== 'upload') throw new Error('no bytes are needed');
        await sendAll(result.value.uri, bytes);
        this.begun.push(result.value);
        if (this.chance.happens(0.3)) continue;
        // One of the last few, perhaps of a service whose volume was lost.
        const [upload] = this.begun.splice(
          this.chance.between(Math.max(0, this.begun.length - 4), this.begun.length - 1),
          1,
        );
        await this.finish(artifacts, upload!);
      }
    } catch (error) {
      return toArtifactaError(error);
    }
    return undefined;
  }

  private async finish(artifacts: Connection['artifacts'], { uploadToken }: BegunUpload): Promise<void> {
    try {
      for await (const { part } of artifacts.finishDirectUpload({ uploadToken }, options))
        if (part.case === 'committed') this.acked.set(part.value.artifact!.name, Date.now());
    } catch (thrown) {
      const error = toArtifactaError(thrown);
      if (!(error instanceof ArtifactaError) || !forgotten.has(error.reason ?? '')) throw error;
    }
  }

  /** @param until what was acknowledged before must be there. @returns what is not. */
  adopt(facts: Facts, until: number): string[] {
    const faults: string[] = [];
    for (const [name, ackedAt] of this.acked) {
      if (facts.has(fact.artifact(session, name, 1))) continue;
      if (ackedAt < until)
        faults.push(`lost: ${session}/${name}, acknowledged at ${ackedAt}; until ${until}`);
      this.acked.delete(name);
    }
    return faults;
  }
}
