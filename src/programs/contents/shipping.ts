/** The shipping of an index to the place of its exports. */
import { randomBytes } from 'node:crypto';
import { exportFormat } from '../../api/admin/export-format.ts';
import type { Shipped as SealWaits } from '../../api/sessions/durability.ts';
import { inWords } from '../../domain/system/words.ts';
import { afterRealTime } from '../../domain/timer.ts';
import { type ExportPlace, Exports, type ExportsOptions } from '../../store/custody/exports.ts';
import type { StoreHost } from '../../store/custody/host.ts';
import { hasExportOf } from '../../store/custody/rebuilt.ts';
import { Shipping } from '../../store/custody/shipping.ts';
import type { IndexShipping, ShippingOptions } from '../../store/custody/shipping-options.ts';
import type { OnStep } from '../../store/rows/steps.ts';

interface ShippingParts {
  /** Resolves when the store is open. */
  readonly host: Promise<StoreHost>;
  /** Of the software, for the headers of exports. */
  readonly version: string;
  readonly warn: (message: string) => void;
  /** See {@link Shipping}. */
  readonly gatherMs: number | undefined;
  readonly onStep: OnStep | undefined;
  /** True: other processes write to the index, and ship it, too. */
  readonly isShared: boolean;
}

/** What is written to the place of the exports. */
interface Shipped {
  /** Undefined: the place takes only exports. */
  readonly shipping: IndexShipping | undefined;
  /** The exports of the store, once it is open. */
  readonly exportsOf: (host: StoreHost) => Exports;
}

/** Returns what is written to a place. */
export async function shippingTo(
  { exports: files, segments }: ExportPlace,
  { host, version, warn, gatherMs, onStep, isShared }: ShippingParts,
): Promise<Shipped> {
  let exports: Exports | undefined;
  let origin: Pick<ExportsOptions, 'chain' | 'cut' | 'onExported'> = {};
  const exportsOf = (opened: StoreHost) => {
    const format = exportFormat(version);
    exports ??= new Exports({ host: opened, files, segments, format, isShared, onStep, ...origin });
    return exports;
  };
  if (segments === undefined) return { shipping: undefined, exportsOf };
  const options: ShippingOptions = {
    files: segments,
    after: afterRealTime,
    warn,
    mintChain: () => randomBytes(8).toString('hex'),
    onGap: async () => {
      const { commit, createTime } = await exportsOf(await host).exportNow();
      return { seq: commit, time: createTime };
    },
    hasExportOf: (chain) => hasExportOf(files, exportFormat(version), chain),
    gatherMs,
    onStep,
  };
  if (!isShared) {
    const shipping = new Shipping(options);
    origin = { chain: () => shipping.chainName };
    return { shipping, exportsOf };
  }
  const { ReplicaShipping } = await import('../../store/custody/replicas/replica-shipping.ts');
  const shipping = new ReplicaShipping(options);
  origin = {
    cut: () => shipping.cutIndex(),
    onExported: (chain) => shipping.exported(chain),
  };
  return { shipping, exportsOf };
}

/** Returns what sessions can wait for when they are sealed. */
export function sealsOver(
  {
    exportPlace,
    shipping,
  }: { readonly exportPlace: ExportPlace | undefined; readonly shipping: IndexShipping | undefined },
  isDefault: boolean,
): SealWaits | undefined {
  return exportPlace && shipping && { place: exportPlace.name, shipping, isDefault };
}

/**
 * Returns the number of the last commit that was shipped; 0 if the place of the exports does not answer: the index can be
 * replaced all the same.
 */
export async function shippedCommit(
  shipping: IndexShipping,
  warn: (message: string) => void,
): Promise<number> {
  try {
    return await shipping.highestCommit();
  } catch (error) {
    warn(`the place of the exports could not be read while the index is replaced: ${inWords(error)}`);
    return 0;
  }
}
