/** The README says what is: its transcript is run, its tables are compared with the code. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { DescService } from '@bufbuild/protobuf';
import { expect, it, onTestFinished } from 'vitest';
import { AdminService } from '../gen/artifacta/v1/admin_service_pb.ts';
import { ArtifactService } from '../gen/artifacta/v1/artifact_service_pb.ts';
import { ErrorReason } from '../gen/artifacta/v1/error_reason_pb.ts';
import { InfoService } from '../gen/artifacta/v1/info_service_pb.ts';
import { MaintenanceService } from '../gen/artifacta/v1/maintenance_service_pb.ts';
import { SessionService } from '../gen/artifacta/v1/session_service_pb.ts';
import { TicketService } from '../gen/artifacta/v1/ticket_service_pb.ts';
import { adminHandlers, custodyHandlers } from '../src/api/admin/admin-service.ts';
import { Admission } from '../src/api/admission.ts';
import { Archives } from '../src/api/archives/archives.ts';
import { artifactHandlers } from '../src/api/artifacts/artifact-service.ts';
import { directUploadHandlers } from '../src/api/artifacts/direct-uploads.ts';
import { infoHandlers } from '../src/api/info/server-info.ts';
import { exportHandlers } from '../src/api/maintenance/exporting.ts';
import { maintenanceHandlers } from '../src/api/maintenance/maintenance-service.ts';
import { sessionHandlers } from '../src/api/sessions/session-service.ts';
import { ticketHandlers } from '../src/api/tickets/ticket-service.ts';
import { afterRealTime } from '../src/api/timer.ts';
import { reasons } from '../src/domain/errors.ts';
import { ChildTokens } from '../src/identity/child-tokens.ts';
import { Tickets } from '../src/identity/tickets.ts';
import { UploadTokens } from '../src/identity/upload-tokens.ts';
import type { Setting } from '../src/settings/setting.ts';
import { settings } from '../src/settings/settings.ts';
import type { StoreHost } from '../src/store/custody/host.ts';
import { startTestServer } from './server/grpc/listeners.ts';
import { removeDirectory } from './support/directories.ts';
import { openTestStore, testRoutes } from './support/service.ts';

const root = resolve(import.meta.dirname, '..');
const readme = await readFile(join(root, 'README.md'), 'utf8');
const run = promisify(execFile);

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-readme-'));
  onTestFinished(() => removeDirectory(directory));
  return directory;
}

/** What differs from run to run. */
function normalised(text: string): string {
  return text.replace(/art_[0-9a-z]{26}/g, 'art_…').replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, '(time)');
}

it('begins with a transcript that is true', { timeout: 60_000 }, async () => {
  const transcript = /```console\n(.*?)```/s.exec(readme)![1]!;
  expect(readme.slice(0, readme.indexOf(transcript)).split('\n').length).toBeLessThan(20);
  const directory = await temporaryDirectory();
  let shown = '';
  for (const line of transcript
    .trimEnd()
    .split('\n')
    .filter((text) => text.startsWith('$ '))) {
    const command = line.slice(2).replace(/^npx artifacta /, `'${join(root, 'bin/artifacta')}' `);
    const { stdout } = await run('/bin/sh', ['-c', command], {
      cwd: directory,
      env: { PATH: process.env.PATH, HOME: directory },
    });
    shown += `${line}\n${stdout}`;
  }
  expect(normalised(shown)).toBe(normalised(transcript));
});

it('shows a client that works', { timeout: 60_000 }, async () => {
  const sample = /```ts\n(.*?)```/s.exec(readme)![1]!;
  await using opened = await openTestStore();
  await using server = await startTestServer(testRoutes(opened.store, []));
  const program = sample
    .replace('./src/', `${root}/src/`)
    .replace('grpc://127.0.0.1:50051', `grpc://${server.addresses.grpc}`);
  const file = join(await temporaryDirectory(), 'sample.mts');
  await writeFile(file, program);
  const { stdout } = await run(process.execPath, [file]);
  const sha256 = createHash('sha256').update('hello').digest('hex');
  expect(normalised(stdout)).toBe(`art_… ${sha256}\n`);
});

function tableBetween(mark: string): string[][] {
  const table = new RegExp(`<!-- ${mark} -->\n(.*?)<!-- /${mark} -->`, 's').exec(readme)![1]!;
  return table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

it('says which methods are served', async () => {
  await using opened = await openTestStore();
  const { store } = opened;
  const admission = new Admission({ after: afterRealTime, elapsed: () => 0 });
  const now = () => 0;
  const served: [DescService, object][] = [
    [
      ArtifactService,
      {
        ...artifactHandlers(store, admission, { localUrl: () => undefined }),
        ...directUploadHandlers({
          direct: store.directUploads,
          tokens: new UploadTokens(store.tokenKey, now),
          admission,
          policy: undefined,
          now,
        }),
      },
    ],
    [
      AdminService,
      {
        // What they do when they are called is of no matter here.
        ...custodyHandlers({} as StoreHost, ''),
        ...adminHandlers(store, {
          tokens: new ChildTokens(store.tokenKey, now),
          now,
          consoleUrl: () => undefined,
        }),
      },
    ],
    [MaintenanceService, { ...maintenanceHandlers(store), ...exportHandlers(undefined) }],
    [
      SessionService,
      sessionHandlers(store, new Archives({ artifactsMax: 1, artifactsAtOnceMax: 1 }), undefined),
    ],
    [InfoService, infoHandlers({ version: '', methods: [], hasShareUrls: false })],
    [
      TicketService,
      ticketHandlers(store, new Tickets(store.tokenKey, now), { localUrl: () => undefined }, now),
    ],
  ];
  const expected = served.map(([service, handlers]) => {
    const names = (wanted: boolean) =>
      service.methods
        .filter((method) => method.localName in handlers === wanted)
        .map((method) => method.name)
        .sort()
        .join(', ');
    return [service.name, names(true), names(false)];
  });
  expect(tableBetween('rpcs')).toEqual(expected);
});

it('lists the settings', () => {
  const expected = Object.values<Setting>(settings).map(
    ({ flag, value, env, default: usual, description, serve, reap }) => [
      flag === undefined
        ? ''
        : `\`--${flag}${value === undefined ? '' : ` ${value}`}\`${serve === false ? (reap ? ' (only for `reap`)' : ' (not for `serve`)') : ''}`,
      `\`${env}\``,
      usual,
      description,
    ],
  );
  expect(tableBetween('settings')).toEqual(expected);
});

it('publishes every reason that the code knows, and no other', () => {
  const published = Object.keys(ErrorReason).filter(
    (name) => Number.isNaN(Number(name)) && name !== 'UNSPECIFIED',
  );
  expect(published.sort()).toEqual([...reasons].sort());
});

it('has a class of the client for Python for each reason', async () => {
  const source = await readFile(join(root, 'clients/python/src/artifacta_client/_core/errors.py'), 'utf8');
  const classes = source.matchAll(/^class (\w+)\(/gm);
  const known = new Set([...classes].map(([, name]) => name));
  const nameOf = (reason: string) =>
    reason
      .split('_')
      .map((word) => `${word[0]}${word.slice(1).toLowerCase()}`)
      .join('');
  // Those that it names otherwise, since Python has such names already, or they say too little.
  const renamed = new Map([
    ['NOT_IMPLEMENTED', 'NotImplementedByService'],
    ['CANCELLED', 'CallCancelled'],
    ['INTERNAL', 'InternalError'],
  ]);
  expect([...reasons].filter((reason) => !known.has(renamed.get(reason) ?? nameOf(reason)))).toEqual([]);
});
