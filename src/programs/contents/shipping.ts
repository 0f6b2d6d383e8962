/** The shipping of an index to the place of its exports. */
import { randomBytes } from 'node:crypto';
import { exportFormat } from '../../api/admin/export-format.ts';
import { limits } from '../../domain/limits.ts';
import { afterRealTime } from '../../domain/timer.ts';
import { type ExportPlace, Exports } from '../../store/custody/exports.ts';
import type { StoreHost } from '../../store/custody/host.ts';
import { Shipping } from '../../store/custody/shipping.ts';

/**
 * Returns the shipping; undefined if the place takes only exports.
 *
 * @param host resolves when the store is open.
 */
export function shippingTo(
  { exports: files, segments }: ExportPlace,
  { host, warn }: { readonly host: Promise<StoreHost>; readonly warn: (message: string) => void },
): Shipping | undefined {
  if (segments === undefined) return undefined;
  const format = exportFormat('');
  return new Shipping({
    files: segments,
    after: afterRealTime,
    warn,
    mintChain: () => randomBytes(8).toString('hex'),
    onGap: async () => {
      const exports = new Exports({ host: await host, files, segments, format });
      await exports.export(0, limits.exportsKeptDefault);
    },
  });
}
