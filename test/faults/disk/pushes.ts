/** A log, kept outside of the server, of pushes that may fail, and what must be there afterwards. */
import { createHash } from 'node:crypto';
import type { ArtifactaError } from '../../../src/client/errors.ts';
import { toArtifactaError } from '../../../src/client/wire/to-error.ts';
import type { Connection } from '../connection.ts';
import { bytesOf } from '../seeded.ts';

interface Sent {
  readonly name: string;
  readonly seed: number;
  readonly size: number;
  outcome: 'acknowledged' | 'refused' | 'unknown';
}

/** Nobody has said that nothing came of it. */
const inconclusive = new Set([
  undefined,
  'STORE_UNAVAILABLE',
  'SHUTTING_DOWN',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
]);
/** What a push may be refused with on a disk that fails. */
const expected = new Set(['STORAGE_FULL', 'STORE_UNAVAILABLE', 'OVERLOADED', 'SHUTTING_DOWN']);

export class Pushes {
  readonly faults: string[] = [];
  readonly sent: Sent[] = [];
  /** How often each reason was given. */
  readonly reasons = new Map<string, number>();

  count(outcome: Sent['outcome']): number {
    return this.sent.filter((push) => push.outcome === outcome).length;
  }

  /** @returns true if it was acknowledged. */
  async push(connection: Connection, size: number): Promise<boolean> {
    const number = this.sent.length + 1;
    const push: Sent = { name: `n${number}`, seed: number, size, outcome: 'unknown' };
    this.sent.push(push);
    try {
      const bytes = bytesOf(push.seed, size);
      await connection.client.push(bytes, { session: 'disk', name: push.name });
      push.outcome = 'acknowledged';
      return true;
    } catch (thrown) {
      this.note(push, toArtifactaError(thrown));
      return false;
    }
  }

  private note(push: Sent, error: ArtifactaError): void {
    const reason = error.reason ?? error.code;
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
    if (error.reason !== undefined && !expected.has(error.reason))
      this.faults.push(`${push.name} was refused with ${error.reason}: ${error.message}`);
    push.outcome = inconclusive.has(error.reason) ? 'unknown' : 'refused';
  }

  /** Compares with what a server has: everything acknowledged, nothing refused, what is unknown whole or absent. */
  async check(connection: Connection): Promise<void> {
    const found = new Map<string, { id: string; sha256: string }>();
    try {
      for await (const artifact of connection.client.query({ session: 'disk', allVersions: true })) {
        if (artifact.version !== 1) this.faults.push(`${artifact.name} has a version ${artifact.version}`);
        found.set(artifact.name, artifact);
      }
    } catch (thrown) {
      const error = toArtifactaError(thrown);
      if (error.reason !== 'SESSION_NOT_FOUND' || this.count('acknowledged') > 0) throw error;
    }
    for (const push of this.sent) {
      const artifact = found.get(push.name);
      if (artifact === undefined) {
        if (push.outcome === 'acknowledged') this.faults.push(`lost: ${push.name}`);
        continue;
      }
      if (push.outcome === 'refused') this.faults.push(`refused and there: ${push.name}`);
      const download = await connection.client.open(artifact.id).catch((error: unknown) => error);
      const sha256 = await digestOf(download);
      const wanted = createHash('sha256').update(bytesOf(push.seed, push.size)).digest('hex');
      if (sha256 !== wanted) this.faults.push(`${push.name} has other bytes: ${sha256}`);
    }
  }
}

async function digestOf(download: unknown): Promise<string> {
  if (download instanceof Error) return download.message;
  const hash = createHash('sha256');
  try {
    for await (const piece of download as AsyncIterable<Uint8Array>) hash.update(piece);
  } catch (error) {
    return String(error);
  }
  return hash.digest('hex');
}
