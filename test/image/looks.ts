/** Looks at the image without running the service for long: how large it is, what it says of itself, what is in it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Attempt, dataIn, type Rig, user } from './attempts.ts';

const megabyte = 1_000_000;

async function bytesOf({ containers }: Rig, image: string): Promise<number> {
  return Number(await containers.podman('image', 'inspect', '--format', '{{.Size}}', image));
}

/** Names of the packages whose files are there, as `node_modules` has them. */
const installed = `
const fs = require('node:fs');
const home = '/opt/artifacta/node_modules';
const names = fs.readdirSync(home).flatMap((name) =>
  name.startsWith('@') ? fs.readdirSync(home + '/' + name).map((each) => name + '/' + each) : [name]);
const text = (name) => fs.readFileSync('/opt/artifacta/' + name, 'utf8');
console.log(JSON.stringify({
  names, sbom: JSON.parse(text('sbom.cdx.json')), notices: text('THIRD_PARTY_NOTICES'), licence: text('LICENSE'),
}));`;

interface Installed {
  readonly names: readonly string[];
  readonly sbom: { readonly components: readonly { readonly name: string; readonly version: string }[] };
  readonly notices: string;
  readonly licence: string;
}

export const looks: readonly Attempt[] = [
  {
    name: 'it adds at most 40 MB to its base, and has less than 160 MB on the base of the script',
    run: async (rig) => {
      const [base, whole] = [await bytesOf(rig, rig.base), await bytesOf(rig, rig.image)];
      const told = [base, whole - base, whole].map((bytes) => (bytes / megabyte).toFixed(1));
      assert.ok(whole - base <= 40 * megabyte && whole < 160 * megabyte, told.join(', '));
      return `${told[0]} MB of base + ${told[1]} MB = ${told[2]} MB`;
    },
  },
  {
    name: 'it says what it is',
    run: async ({ containers, image }) => {
      const told = await containers.podman('image', 'inspect', image);
      const [{ Labels: labels, Config: config }] = JSON.parse(told) as [
        { Labels: Record<string, string>; Config: { User: string; Volumes: object } },
      ];
      for (const name of ['title', 'description', 'licenses', 'version', 'revision'])
        assert.ok(labels[`org.opencontainers.image.${name}`], `no label ${name}`);
      const version = await containers.start(image, { args: ['--version'] });
      assert.equal(await version.ended, 0, version.said);
      assert.equal(version.said.trim(), labels['org.opencontainers.image.version']);
      assert.deepEqual(Object.keys(config.Volumes), ['/data']);
      return `version ${version.said.trim()}, user ${config.User}`;
    },
  },
  {
    name: 'it pushes without a service',
    run: async (rig) => {
      const [work, data] = [await rig.volume({ mode: 0o755 }), await rig.volume({ ...user, mode: 0o700 })];
      await writeFile(join(work, 'output.json'), '{"total": 42}\n');
      const flags = [...dataIn(data), '--volume', `${work}:/work:ro`, '--workdir', '/work'];
      const beganMs = performance.now();
      const args = ['push', 'output.json', '--session', 'run_42'];
      const push = rig.containers.start(rig.image, { flags, args });
      assert.equal(await push.ended, 0, push.said);
      const ms = performance.now() - beganMs;
      assert.match(push.said, /^art_\w{26} +v1 .* new +run_42\/output\.json$/m);
      return `${ms.toFixed(0)} ms`;
    },
  },
  {
    name: 'its bill of materials names what is in it, each with its licence',
    run: async (rig) => {
      await using service = rig.serve();
      await service.ready;
      const { names, sbom, notices, licence } = JSON.parse(await service.evaluate(installed)) as Installed;
      const listed = new Set(sbom.components.map(({ name }) => name));
      assert.deepEqual(
        names.filter((name) => !listed.has(name)),
        [],
        'installed, and not listed',
      );
      // Those of a platform say nothing that the package which they belong to does not say.
      const unnoticed = sbom.components.filter(
        ({ name, version }) => !notices.includes(`\n${name} ${version} (`),
      );
      assert.deepEqual(
        unnoticed.map(({ name }) => name).filter((name) => !name.startsWith('@node-rs/crc32-')),
        [],
        'without a notice',
      );
      assert.match(licence, /Apache License/);
      return `${listed.size} packages`;
    },
  },
  {
    name: 'its bill of materials is as the schema of CycloneDX has it',
    run: async (rig) => {
      await using service = rig.serve();
      await service.ready;
      const { sbom } = JSON.parse(await service.evaluate(installed)) as Installed;
      assert.equal(faultOf(rig, sbom), '');
      const [first, ...rest] = sbom.components;
      assert.match(faultOf(rig, { ...sbom, components: [{ ...first, purls: '' }, ...rest] }), /'purls'/);
      return 'and one with a member more is not';
    },
  },
];

/** What the schema does not allow; empty: nothing. */
function faultOf({ root }: Rig, sbom: object): string {
  const tools = process.env.IMAGE_TOOLS;
  if (tools === undefined) throw new Error('IMAGE_TOOLS: must name what run.sh installs: start that instead');
  const options = { input: JSON.stringify(sbom), encoding: 'utf8' } as const;
  const { error, status, stderr } = spawnSync(
    join(tools, 'bin/python'),
    [join(root, 'test/image/sbom.py')],
    options,
  );
  if (error !== undefined) throw error;
  return status === 0 ? '' : stderr || `it ended with ${status}`;
}
