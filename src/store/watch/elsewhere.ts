/**
 * Watches of sessions in namespaces that another process owns. No announcement of their events comes here, so the rows
 * that change with them are looked at once a second, all together.
 */
import { Buffer } from 'node:buffer';
import { failedWith } from '../../domain/errors.ts';
import type { SessionUid } from '../../domain/ids.ts';
import type { After } from '../../domain/timer.ts';
import { textOf } from '../../index/bytes.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { soleOwner } from '../../index/owners.ts';
import type { Key, Value } from '../../index/row.ts';
import { namesHere } from '../rows/here.ts';
import type { Listener } from './announcing-index.ts';

/** A session that is watched, or an id that no session has yet. */
export interface Followed {
  readonly ns: string;
  readonly id: string;
  /** Undefined: no session has the id yet. */
  readonly uid: SessionUid | undefined;
}

/** A row that is looked at. */
interface Looked {
  readonly key: Key;
  /** Tells those who watch that something may be new. */
  readonly tell: () => void;
  /** The row, once it was read. */
  value?: Value | undefined;
}

const lookEveryMs = 1_000;

/** Tells a listener what has moved elsewhere. */
export class Elsewhere {
  private readonly index: Index;
  private readonly listener: Listener;
  private readonly followed: () => Iterable<Followed>;
  private readonly after: After;
  private looked: ReadonlyMap<string, Looked> = new Map();
  private cancel: (() => void) | undefined;
  private isLooking = false;
  private isEnded = false;

  /** @param followed returns what is watched now, here and elsewhere. */
  constructor(index: Index, listener: Listener, followed: () => Iterable<Followed>, after: After) {
    this.index = index;
    this.listener = listener;
    this.followed = followed;
    this.after = after;
    // The owner before has announced its last events to itself.
    index.owners.onTaken((ns) => {
      for (const one of this.followed()) if (one.ns === ns) for (const { tell } of this.rowsOf(one)) tell();
    });
  }

  /** Looks from now on, as long as something is watched. */
  begin(): void {
    if (this.index.owners === soleOwner || this.isLooking || this.isEnded) return;
    this.cancel ??= this.after(lookEveryMs, () => {
      this.cancel = undefined;
      this.isLooking = true;
      void this.look().finally(() => {
        this.isLooking = false;
        if (this.looked.size > 0 || !isEmpty(this.followed())) this.begin();
      });
    });
  }

  end(): void {
    this.isEnded = true;
    this.cancel?.();
    this.cancel = undefined;
  }

  /** Does not reject: what cannot be read now is read a second later. */
  private async look(): Promise<void> {
    try {
      const followed = [...this.followed()];
      const here = await namesHere(
        this.index,
        followed.map(({ ns }) => ns),
      );
      const rows = new Map<string, Looked>();
      for (const one of followed)
        if (!here.has(one.ns)) for (const row of this.rowsOf(one)) rows.set(textOf(row.key), row);
      const before = this.looked;
      this.looked = rows;
      // Something may have happened between the last look and the first announcement here.
      for (const [key, { tell }] of before) if (!rows.has(key)) tell();
      await this.compare(before, [...rows]);
    } catch (error) {
      // One of the rows is damaged: each watch reads its own.
      if (failedWith(error, 'DATA_LOSS')) for (const { tell } of this.looked.values()) tell();
    }
  }

  private async compare(
    before: ReadonlyMap<string, Looked>,
    rows: readonly (readonly [string, Looked])[],
  ): Promise<void> {
    if (rows.length === 0) return;
    const values = await this.index.getMany(rows.map(([, { key }]) => key));
    for (const [at, [key, row]] of rows.entries()) {
      row.value = values[at];
      const last = before.get(key);
      if (last === undefined || !isSame(last.value, row.value)) row.tell();
    }
  }

  private rowsOf({ ns, id, uid }: Followed): Looked[] {
    const name = { key: keys.sessions.name.key(ns, id), tell: () => this.listener.named(ns, id) };
    if (uid === undefined) return [name];
    const record = { key: keys.sessions.record.key(ns, uid), tell: () => this.listener.fed(ns, uid) };
    return [name, record];
  }
}

function isSame(one: Value | undefined, other: Value | undefined): boolean {
  return one === undefined || other === undefined ? one === other : Buffer.compare(one, other) === 0;
}

function isEmpty(all: Iterable<unknown>): boolean {
  for (const _ of all) return false;
  return true;
}
