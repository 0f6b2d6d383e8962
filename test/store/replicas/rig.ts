/** What the tests of several processes do to their stores. */
import { Buffer } from 'node:buffer';
import { Budget } from '../../../src/domain/load/budget.ts';
import { parseNamespace, parseSessionId } from '../../../src/domain/names.ts';
import type { Family } from '../../../src/index/family.ts';
import { keys } from '../../../src/index/keys.ts';
import type { Replica, Replicas } from '../../support/replicas.ts';
import { principalOf, specOf, target } from '../../support/specs.ts';

export const hour = 3_600_000;
export const day = 24 * hour;

/** Makes a namespace that a process owns. */
export async function namespaceOf(replicas: Replicas, ns: string, process: string, replica: Replica) {
  await replicas.move(ns, process);
  await replica.store.namespaces.create(parseNamespace('namespace', ns), {
    description: '',
    quota: undefined,
  });
}

export function push({ store }: Replica, ns: string, name: string, bytes: string, ttlMs?: number) {
  const spec = specOf({ session: 's', name, ttlMs });
  return store.uploads.create(principalOf({ namespace: ns }), spec, Buffer.from(bytes));
}

export async function remove({ store }: Replica, ns: string, name: string): Promise<void> {
  await store.artifacts.delete(principalOf({ namespace: ns }), target('s', name));
}

export function stateOf({ store }: Replica, ns: string, session = 's') {
  return store.sessions.get(principalOf({ namespace: ns }), parseSessionId('session', session));
}

/** Collects until there is no more to do now. */
export async function collect({ store }: Replica, findOrphans = false) {
  const total = { condemned: 0, removed: 0, orphans: 0 };
  for (;;) {
    const did = await store.collection.collect({ limit: 100_000 }, { findOrphans });
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += did[key];
    if (!did.more) return { ...total, nextTime: did.nextTime, pauses: did.pauses };
  }
}

export async function scrub({ store }: Replica, minAgeMs = 0) {
  return await store.scrub.scrub({ budget: new Budget({ limit: 1_000 }), bytesMax: 2 ** 40, minAgeMs });
}

/** The files of a namespace. */
export async function filesOf({ index, blobs }: Replicas, ns: string): Promise<string[]> {
  const value = await index.get(keys.store.namespace.key(ns));
  return await Array.fromAsync(blobs.list(keys.store.namespace.decode(value!).internalId));
}

/** The namespaces of the rows of a family, in order. */
export async function namespacesIn<P extends readonly unknown[], V>(
  { index }: Replicas,
  family: Family<P, V>,
  column: number,
): Promise<string[]> {
  const found: string[] = [];
  for await (const block of index.scan(family.range(...([] as never))))
    for (const [key] of block) found.push(String(family.parse(key)[column]));
  return found;
}

/** Lets everything happen that needs no time. */
export async function settled(turns = 50): Promise<void> {
  for (let at = 0; at < turns; at++) await new Promise<void>((resolve) => setImmediate(resolve));
}
