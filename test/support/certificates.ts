/** Certificates for tests, made by openssl with an authority of their own. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** False, and says so, where there is no openssl. */
export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write('skipped: there is no openssl to make certificates with\n');
    return false;
  }
}

/** Paths of files in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority whose files are in a directory. */
export class Authority {
  private readonly directory: string;
  private readonly name: string;
  private serial = 1;

  constructor(directory: string, name = 'authority') {
    this.directory = directory;
    this.name = name;
    const subject = ['-subj', `/CN=${name}`];
    openssl(['req', '-x509', ...newKey(this.at('key')), '-out', this.cert, '-days', '2', ...subject]);
  }

  /** Path of its own certificate. */
  get cert(): string {
    return this.at('crt');
  }

  get pem(): Buffer {
    return readFileSync(this.cert);
  }

  /** @param names as openssl writes them: `DNS:localhost,IP:127.0.0.1,URI:spiffe://…`. @param days may be negative. */
  issue(name: string, names = 'DNS:localhost,IP:127.0.0.1', days = 2): Certificate {
    const at = (suffix: string) => join(this.directory, `${name}.${suffix}`);
    openssl(['req', ...newKey(at('key')), '-out', at('csr'), '-subj', `/CN=${name}`]);
    writeFileSync(at('ext'), `subjectAltName=${names}\n`);
    const validity =
      days > 0
        ? ['-days', String(days)]
        : ['-not_before', '20200101000000Z', '-not_after', '20200102000000Z'];
    const signer = ['-CA', this.cert, '-CAkey', this.at('key'), '-set_serial', String(this.serial++)];
    try {
      openssl([
        'x509',
        '-req',
        '-in',
        at('csr'),
        '-out',
        at('crt'),
        ...signer,
        ...validity,
        '-extfile',
        at('ext'),
      ]);
    } catch (error) {
      if (days > 0) throw error;
      // Before 3.4 only the command `ca` can sign for the past.
      this.issueExpired(at('csr'), at('crt'), at('ext'));
    }
    return { cert: at('crt'), key: at('key') };
  }

  private issueExpired(request: string, cert: string, extensions: string): void {
    const config = join(this.directory, 'ca.cnf');
    writeFileSync(join(this.directory, 'index.txt'), '');
    writeFileSync(join(this.directory, 'serial'), '0F\n');
    writeFileSync(
      config,
      `[ca]\ndefault_ca=d\n[d]\ndir=${this.directory}\ndatabase=${this.directory}/index.txt\nserial=${this.directory}/serial\nnew_certs_dir=${this.directory}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`,
    );
    const period = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'];
    const signer = ['-cert', this.cert, '-keyfile', this.at('key')];
    openssl([
      'ca',
      '-batch',
      '-config',
      config,
      '-in',
      request,
      '-out',
      cert,
      ...signer,
      ...period,
      '-extfile',
      extensions,
      '-notext',
    ]);
  }

  private at(suffix: string): string {
    return join(this.directory, `${this.name}.${suffix}`);
  }
}

/** Puts one pair in the place of another, as whoever renews certificates does. */
export function replace(old: Certificate, by: Certificate): void {
  copyFileSync(by.key, old.key);
  copyFileSync(by.cert, old.cert);
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path];
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}
