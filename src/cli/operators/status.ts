import type { StoreStatus } from '../../client/admin/admin.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize, humanTime, plain } from '../output/human.ts';

/** Prints the state of a store, for people. With `--quiet` it prints nothing. */
export async function printStatus(status: StoreStatus, { output }: Invocation): Promise<void> {
  if (output.style.quiet) return;
  await output.line(`store     ${status.storeId === '' ? 'unknown' : status.storeId}`);
  await output.line(`state     ${status.state}`);
  if (status.trouble !== '') await output.line(`trouble   ${plain(status.trouble)}`);
  await output.line(`commit    ${status.commit}`);
  if (status.freeBytes !== undefined) {
    const reserve =
      status.reserveBytes === undefined ? '' : `, of which ${humanSize(status.reserveBytes)} must stay free`;
    await output.line(`free      ${humanSize(status.freeBytes)}${reserve}`);
  }
  if (status.lastExportTime !== undefined) await output.line(`exported  ${humanTime(status.lastExportTime)}`);
  if (status.notice !== '') await output.line(`notice    ${plain(status.notice)}`);
  for (const loss of status.losses) {
    const after = loss.lastIntactTime === undefined ? '' : `; intact until ${humanTime(loss.lastIntactTime)}`;
    await output.line(`lost      ${loss.id}  ${plain(loss.message)}${after}`);
  }
  for (const pause of status.pauses) await output.line(`paused    ${pause.id}  ${plain(pause.message)}`);
}
