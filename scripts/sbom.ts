/** The bill of materials of what ships: what a bundle contains and what lies next to it, as CycloneDX says it in JSON. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packagesOf } from './notices.ts';

/** The same for the same lock file and paths: it names no time and has no number of its own. */
export function sbomOf(root: string, modules: readonly string[]): string {
  const { name, version, description, license } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as Record<'name' | 'version' | 'description' | 'license', string>;
  const own = purlOf(name, version);
  const found = packagesOf(root, modules, []).map((each) => {
    const purl = purlOf(each.name, each.locked.version);
    return {
      type: 'library',
      'bom-ref': purl,
      name: each.name,
      version: each.locked.version,
      licenses: licencesOf(each.locked.license),
      purl,
      hashes: hashesOf(each.locked.integrity),
    };
  });
  // One version of a package may lie in several places.
  const components = [...new Map(found.map((component) => [component.purl, component])).values()];
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': own,
        name,
        version,
        description,
        licenses: licencesOf(license),
      },
    },
    components,
    dependencies: [{ ref: own, dependsOn: components.map(({ purl }) => purl) }],
  };
  return `${JSON.stringify(bom, undefined, 2)}\n`;
}

function purlOf(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** A single one has an identifier; several are an expression. */
function licencesOf(license: string | undefined): object[] {
  if (license === undefined) return [];
  return [/ (AND|OR|WITH) /.test(license) ? { expression: license } : { license: { id: license } }];
}

/** The lock file has them as the attribute of HTML, in base64. */
function hashesOf(integrity = ''): object[] {
  const algorithms: Readonly<Record<string, string>> = {
    sha256: 'SHA-256',
    sha384: 'SHA-384',
    sha512: 'SHA-512',
  };
  return integrity.split(' ').flatMap((each) => {
    const [algorithm = '', digest = ''] = each.split(/-(.*)/);
    const alg = algorithms[algorithm];
    return alg === undefined ? [] : [{ alg, content: Buffer.from(digest, 'base64').toString('hex') }];
  });
}
