/** What `.ci/run --all` adds: checks that take minutes each. A new one is a line here. */

export interface Part {
  readonly name: string;
  /** What git knows of these paths decides whether it has to run again; the dependencies of the lock file are added. */
  readonly dependsOn: readonly string[];
  /** Runs in the root of the checkout, installs what it needs, and ends with 0 if all is well. */
  readonly command: string;
}

const service = ['src', 'gen', 'bin'];
const faults = [...service, 'test/faults', 'test/support', 'test/lifecycle'];
const rig = (options: string) => `npm run --silent faults -- ${options} --seed 7`;

export const parts: readonly Part[] = [
  { name: 'fresh clone', dependsOn: ['.'], command: '.ci/fresh-clone.sh' },
  { name: 'faults: kills', dependsOn: faults, command: rig('--failpoints --kills --types --times 100') },
  { name: 'faults: power', dependsOn: faults, command: rig('--power --cuts 12') },
  { name: 'faults: disks', dependsOn: faults, command: rig('--disk --rot --damage') },
  {
    name: 'faults: callers',
    dependsOn: faults,
    command: rig('--pushers --tiny --bombs --shares --abuse --unread'),
  },
  { name: 'faults: deletion', dependsOn: faults, command: rig('--deletion --actions 8000') },
  { name: 'faults: bucket', dependsOn: faults, command: rig('--bucket --reaping --outage') },
  { name: 'faults: lost volumes', dependsOn: faults, command: rig('--volume') },
  { name: 'faults: clocks', dependsOn: [...faults, '.ci/clocks.sh'], command: '.ci/clocks.sh' },
  {
    name: 'faults: replicas',
    dependsOn: [...faults, 'bench/peers', '.ci/replicas.sh'],
    command: '.ci/replicas.sh',
  },
  { name: 'planted faults', dependsOn: [...service, 'test'], command: 'node test/faults/controls.ts' },
  {
    name: 'generated clients: Python, Java',
    dependsOn: [...service, 'proto', 'docs/generate', 'test/generated'],
    command: 'test/generated/run.sh',
  },
  {
    name: 'client for Python',
    dependsOn: [
      ...service,
      'proto',
      'scripts/package/names.json',
      'clients/python',
      'docs/python.md',
      'docs/clients.md',
    ],
    command: 'clients/python/test.sh',
  },
  {
    name: 'client for Python: frameworks',
    dependsOn: [...service, 'proto', 'clients/python', 'docs/frameworks.md'],
    command: 'clients/python/frameworks.sh',
  },
  {
    name: 'clients: one scenario',
    dependsOn: [
      ...service,
      'proto',
      'docs/generate',
      'clients',
      'test/clients',
      'test/faults',
      'test/support',
    ],
    command: 'node test/clients/main.ts',
  },
  { name: 'MCP: other clients', dependsOn: [...service, 'test/mcp'], command: 'test/mcp/others/run.sh' },
  {
    name: 'client for pages: Chromium',
    dependsOn: [...service, 'test/browser'],
    command: 'node_modules/.bin/node test/browser/main.ts',
  },
  {
    name: 'console: Chromium',
    dependsOn: [...service, 'scripts', 'test/browser'],
    command: 'node_modules/.bin/node test/browser/console/main.ts',
  },
  {
    name: 'packages: npm, pip',
    dependsOn: [...service, 'scripts', 'test/packages'],
    command: 'test/packages/run.sh',
  },
  {
    name: 'conformance',
    dependsOn: ['src', 'gen', 'test/conformance'],
    command: 'test/conformance/run.sh',
  },
  {
    name: 'behind nginx',
    dependsOn: [...service, 'test/proxies', 'test/faults', 'test/support', 'docs/proxies.md'],
    command: 'node test/proxies/main.ts',
  },
  {
    name: 'bucket: fake-gcs-server',
    dependsOn: ['src/blobs', 'src/domain', 'test/emulator', 'test/blobs', 'vitest.config.ts'],
    command: 'test/emulator/run.sh',
  },
  {
    name: 'index on PostgreSQL',
    dependsOn: [
      ...service,
      'test/index',
      'test/api',
      'test/e2e',
      'test/support',
      'test/server',
      'test/faults/disk',
      'bench/peers',
      'vitest.config.ts',
    ],
    command: 'test/index/postgres/run.sh',
  },
  {
    name: 'image',
    dependsOn: [
      ...service,
      'Dockerfile',
      '.dockerignore',
      'scripts',
      'test/image',
      'test/faults/clock',
      'LICENSE',
    ],
    command: 'test/image/run.sh',
  },
  {
    name: 'chart: the pod, by podman',
    dependsOn: [...service, 'Dockerfile', 'scripts', 'helm', 'test/chart', 'docs/kubernetes.md'],
    command: 'test/chart/pod/run.sh',
  },
  {
    name: 'benchmarks work',
    dependsOn: [...service, 'bench', 'clients', 'test/clients', 'proto', 'docs/generate'],
    command: 'npm run --silent bench -- --quick --runs 1 --sizes 10k',
  },
];
