import type { Command } from 'commander';
import type { Checked, Finding, StoreStatus, VerifyEvent, VerifyOptions } from '../../client/admin/admin.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { exitCodes, UsageError } from '../exit.ts';
import { globalFlags, type Invocation } from '../invocation.ts';
import { humanSize, plain } from '../output/human.ts';
import { Progress } from '../output/progress.ts';
import { printQuarantined } from './quarantined.ts';
import { printStatus } from './status.ts';
import { storedBytesAtMost } from './stored-bytes.ts';

interface FsckFlags {
  readonly contents?: boolean;
  readonly repair?: boolean;
  readonly reindex?: boolean;
  readonly acceptLoss?: string;
  readonly resume?: string;
  readonly quarantined?: boolean;
}

type Summary = Extract<VerifyEvent, { kind: 'summary' }>;

/** `artifacta fsck`: checks a store and repairs it. */
export function addFsck(program: Command, invocation: Invocation): Command {
  return program
    .command('fsck')
    .summary('check the store, and repair it (operators)')
    .description(
      'Checks that every row of the index can be read and agrees with the others, and that every ' +
        'content exists. The exit code is 1 if something is wrong and was not repaired. A store with a ' +
        'damaged index serves nothing. Restore an export with "artifacta import", or accept the reported ' +
        'loss with --accept-loss and keep the rest of the index.',
    )
    .option('--contents', 'also read all contents and check that each matches its SHA-256')
    .option('--repair', 'repair what can be repaired without loss')
    .option('--reindex', 'with --repair: rebuild all rows that searches use')
    .option(
      '--accept-loss <id>',
      'accept the reported loss with this id, keep the rest of a damaged index, then check; cannot be undone',
    )
    .option(
      '--resume <id>',
      'resume paused maintenance, so that it frees space again, and check nothing; the id is that of the pause, as ' +
        'fsck prints it',
    )
    .option('--quarantined', 'list the contents that are known to be damaged, and check nothing')
    .action(async (flags: FsckFlags, command: Command) => {
      if (flags.reindex && !flags.repair) throw new UsageError('--reindex needs --repair');
      const { namespace } = globalFlags(command);
      await invocation.withClient(command, (client) => fsck(client, flags, namespace, invocation));
    });
}

async function fsck(
  client: ArtifactaClient,
  flags: FsckFlags,
  namespace: string | undefined,
  invocation: Invocation,
): Promise<void> {
  const { io, output } = invocation;
  const { signal } = io;
  if (flags.resume !== undefined) return await resume(client, flags.resume, invocation);
  if (flags.quarantined) return await showQuarantined(client, namespace, invocation);
  if (flags.acceptLoss !== undefined) await client.admin.acceptLoss(flags.acceptLoss, { signal });
  const before = await client.admin.status({ signal });
  const options = { signal, namespace, checkContents: flags.contents ?? false };
  const report = await check(client, options, invocation);
  let open = report.findings;
  if (flags.repair && before.state === 'recovery')
    output.remark('a store in recovery cannot be repaired: restore an export, or accept the loss');
  else if (flags.repair) open = await repairAll(client, options, report, flags.reindex ?? false, invocation);
  await showStatus(await client.admin.status({ signal }), invocation);
  if (!output.style.json && !output.style.quiet) await output.line(told(report, open));
  for (const { id } of before.losses)
    output.remark(
      'to restore an export: artifacta import FILE --replace; to keep the rest of the index: artifacta ' +
        `fsck --accept-loss ${id}`,
    );
  if (open > 0 || before.state === 'recovery') invocation.exitCode = exitCodes.failed;
}

/** Ends a pause. One that has ended already is not a failure. */
async function resume(client: ArtifactaClient, id: string, invocation: Invocation): Promise<void> {
  const { io, output } = invocation;
  const { signal } = io;
  const { pauses } = await client.admin.status({ signal });
  await showStatus(await client.admin.resume(id, { signal }), invocation);
  if (!pauses.some((pause) => pause.id === id))
    output.remark(`no pause of maintenance has the id ${plain(id)}; nothing was resumed`);
}

async function showQuarantined(
  client: ArtifactaClient,
  namespace: string | undefined,
  invocation: Invocation,
): Promise<void> {
  let count = 0;
  for await (const content of client.admin.quarantined({ namespace, signal: invocation.io.signal })) {
    count++;
    await printQuarantined(content, invocation);
  }
  if (count === 0) invocation.output.remark('nothing is quarantined');
  else invocation.exitCode = exitCodes.failed;
}

/** A repair may uncover what could not be judged before. */
const repairRoundsMax = 4;

/** Repairs what reports list. @returns the number of findings that are left. */
async function repairAll(
  client: ArtifactaClient,
  options: VerifyOptions,
  report: Summary,
  reindex: boolean,
  invocation: Invocation,
): Promise<number> {
  let last = report;
  for (let round = 0; round < repairRoundsMax; round++) {
    const repair = { ...options, repairReportId: last.reportId, reindex: reindex && round === 0 };
    const { repaired } = await check(client, repair, invocation);
    if (last.findings > 0 || repair.reindex) last = await check(client, options, invocation);
    if (repaired === 0 || last.findings === 0) break;
  }
  return last.findings;
}

async function showStatus(status: StoreStatus, invocation: Invocation): Promise<void> {
  if (invocation.output.style.json) await invocation.output.json({ status });
  else await printStatus(status, invocation);
}

function told({ checked, findings }: Summary, open: number): string {
  const { rows, contents, bytes } = checked;
  const read = bytes === 0 ? '' : ` (${humanSize(bytes)} were read)`;
  const what = `${counted(rows, 'row')} and ${counted(contents, 'content')}${read} were checked`;
  if (findings === 0) return `${what}; nothing is wrong`;
  return `${what}; ${counted(findings, 'finding')}, ${findings - open} of them repaired`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

async function check(
  client: ArtifactaClient,
  options: VerifyOptions,
  invocation: Invocation,
): Promise<Summary> {
  const { output } = invocation;
  const readsAll = options.checkContents ?? false;
  const ofBytes = readsAll ? await storedBytesAtMost(client, options.namespace, invocation) : undefined;
  const progress = new Progress(output);
  const show = ({ rows, bytes }: Pick<Checked, 'rows' | 'bytes'>) =>
    progress.show({ bytes, ofBytes, isAtMost: true }, (figures) => {
      const checked = `checked ${counted(rows, 'row')}`;
      return readsAll ? `${checked}, ${figures}` : checked;
    });
  // The service reports its progress every few seconds.
  show({ rows: 0, bytes: 0 });
  for await (const event of client.admin.verify(options)) {
    if (event.kind === 'summary') {
      if (output.style.json) await output.json({ summary: event });
      return event;
    }
    if (event.kind === 'progress') show(event.checked);
    else if (output.style.json) await output.json({ finding: event.finding });
    else await output.line(findingLine(event.finding));
  }
  throw new Error('the connection ended before the check was complete; run the check again');
}

function findingLine(finding: Finding): string {
  const { kind, namespace, session, artifactId, sha256, message, repairable, repaired } = finding;
  const about = [namespace, session, artifactId, sha256].filter((part) => part !== '').join(' ');
  const state = repaired ? 'repaired' : repairable ? 'repairable' : 'not repairable';
  return `${kind}  ${state}  ${about === '' ? '' : `${plain(about)}: `}${plain(message)}`;
}
