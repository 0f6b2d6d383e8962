/** Reads everything back after a crash and compares it with what the oracle knows. Nothing else may be under way. */

import { Buffer } from 'node:buffer';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact } from '../../src/client/artifacts/artifact.ts';
import type { ManifestLine } from '../../src/client/sessions/manifest.ts';
import type { Session } from '../../src/client/sessions/session.ts';
import { toArtifactaError } from '../../src/client/wire/to-error.ts';
import type { Connection } from './connection.ts';
import type { Known, KnownSession, Oracle } from './oracle.ts';
import { bytesOf } from './seeded.ts';

/** Contents that were read back before and are read back again, each time. */
const spotChecks = 10;

/**
 * Compares what the server has with what it must and may have, and tells the oracle what became of what was unknown.
 * What is wrong is among the oracle's faults afterwards.
 *
 * @param everything all contents are read back, not only those that never were and a few others.
 */
export async function check(connection: Connection, oracle: Oracle, everything: boolean): Promise<void> {
  const found = new Map<string, Artifact>();
  const sessions = new Map<string, Session>();
  for await (const session of connection.client.sessions.list()) sessions.set(session.id, session);
  for (const { id } of sessions.values())
    for await (const artifact of connection.client.query({ session: id, allVersions: true }))
      found.set(artifact.id, artifact);
  for (const artifact of found.values()) oracle.see(artifact, 'a list');
  oracle.settle();
  for (const known of oracle.artifacts.values()) settleArtifact(oracle, known, found.get(known.id));
  await compareById(connection, oracle);
  for (const known of toRead(oracle, everything)) await compareBytes(connection, oracle, known);
  for (const session of oracle.sessions.values()) settleSession(oracle, session, sessions.get(session.id));
  for (const session of oracle.sessions.values())
    if (session.fate === 'sealed') await compareManifest(connection, oracle, session);
}

function settleArtifact(oracle: Oracle, known: Known, found: Artifact | undefined): void {
  const about = `${known.id} (push ${known.push}, ${known.session} ${known.name} ${known.version})`;
  if (found === undefined) {
    if (known.fate === 'live') oracle.fault(`lost: ${about}`);
    known.fate = 'deleted';
    return;
  }
  if (known.fate === 'deleted') oracle.fault(`deleted and there: ${about}`);
  known.fate = 'live';
  const { rev } = found.labels;
  if (!known.revs.includes(rev)) oracle.fault(`${about}: has the label ${rev}, not one of ${known.revs}`);
  known.revs = [rev];
  const isHighest = oracle.highestVersion(known.session, known.name) === known.version;
  if (found.latest !== isHighest) oracle.fault(`${about}: says ${found.latest} of being the latest`);
}

/** The other way to artifacts must give the same, also for those that are gone. */
async function compareById(connection: Connection, oracle: Oracle): Promise<void> {
  const all = [...oracle.artifacts.values()];
  const results = await connection.client.batchGet(all.map(({ id }) => id));
  for (const [at, result] of results.entries()) {
    const { id, fate } = all[at]!;
    if ('artifact' in result) {
      oracle.see(result.artifact, 'a get by id');
      if (fate === 'deleted') oracle.fault(`deleted and there by its id: ${id}`);
    } else if (fate === 'live') oracle.fault(`not there by its id: ${id}: ${result.error.reason}`);
  }
}

function toRead(oracle: Oracle, everything: boolean): Known[] {
  const present = oracle.present();
  if (everything) return present;
  const read = present.filter(({ verified }) => verified);
  const step = Math.max(1, Math.floor(read.length / spotChecks));
  return [...present.filter(({ verified }) => !verified), ...read.filter((_, at) => at % step === 0)];
}

async function compareBytes(connection: Connection, oracle: Oracle, known: Known): Promise<void> {
  const push = oracle.pushes.get(known.push)!;
  try {
    await using download = await connection.client.open(known.id);
    const bytes = await download.bytes();
    if (Buffer.compare(bytes, bytesOf(push.seed, push.size)) !== 0)
      oracle.fault(`${known.id} of push ${push.number}: its bytes are not those that were pushed`);
    known.verified = true;
  } catch (thrown) {
    const { code, message } = toArtifactaError(thrown);
    oracle.fault(`${known.id} of push ${push.number} cannot be read: ${code} ${message}`);
  }
}

function settleSession(oracle: Oracle, session: KnownSession, found: Session | undefined): void {
  const about = `session ${session.id} (${session.fate})`;
  if (found === undefined) {
    const wasUsed = [...oracle.artifacts.values()].some((known) => known.session === session.id);
    if (wasUsed || session.fate === 'sealed' || session.fate === 'fenced') oracle.fault(`lost: ${about}`);
    session.fate = 'open';
    return;
  }
  if (found.state === 'open') {
    if (session.fate === 'sealed' || session.fate === 'fenced') oracle.fault(`${about}: is open`);
    session.fate = 'open';
    return;
  }
  if (session.fate === 'open') oracle.fault(`${about}: is ${found.state}, and nobody sealed it`);
  if (found.state !== 'sealed') oracle.fault(`${about}: its seal was not finished at the start`);
  if (found.outcome !== session.outcome)
    oracle.fault(`${about}: has the outcome ${found.outcome}, not ${session.outcome}`);
  const digest = found.manifest?.sha256;
  if (session.manifest !== undefined && session.manifest !== digest)
    oracle.fault(`${about}: has the manifest ${digest}, and had ${session.manifest}`);
  session.manifest = digest;
  session.fate = 'sealed';
}

/** The client compares its bytes with its digest; its lines must be what was there at the seal. */
async function compareManifest(connection: Connection, oracle: Oracle, session: KnownSession): Promise<void> {
  const about = `the manifest of ${session.id}`;
  const listed = new Set<string>();
  try {
    for await (const line of connection.client.sessions.manifest(session.id)) listed.add(lineOf(line));
  } catch (thrown) {
    const { code, message } = toArtifactaError(thrown);
    oracle.fault(`${about} cannot be read: ${code} ${message}`);
    return;
  }
  const own = [...oracle.artifacts.values()].filter((known) => known.session === session.id);
  for (const known of own) {
    const line = lineOf({ ...known, sizeBytes: known.size });
    const isListed = listed.delete(line);
    if (!isListed && known.fate === 'live') oracle.fault(`${about} is without ${line}`);
    if (isListed && session.deletedBefore.has(known.id))
      oracle.fault(`${about} has ${line}, which had been deleted`);
  }
  for (const line of listed) oracle.fault(`${about} has ${line}, which nobody has seen`);
}

/** A line of a manifest as a text, without the type. */
export function lineOf(line: Omit<ManifestLine, 'contentType'>): string {
  return `${line.name} ${line.version} ${line.sha256} ${line.sizeBytes}`;
}

/** What is staged when nothing is being uploaded, which must be nothing. */
export async function stagedFiles(dataDir: string): Promise<string[]> {
  return (await readdir(join(dataDir, 'tmp'))).filter((name) => name !== '.probe');
}
