/** What looks like a secret: files that are never captured, and words of a command line that are not stored. */
import ignore from 'ignore';

/** Files and directories that `run` never captures, in the language of `.gitignore`. docs/run.md lists them. */
export const secretFiles = [
  '.env',
  '.env.*',
  '*.pem',
  '*.key',
  '*.p12',
  '*.pfx',
  '*.jks',
  '*.keystore',
  '*.kdbx',
  'id_rsa*',
  'id_dsa*',
  'id_ecdsa*',
  'id_ed25519*',
  '.netrc',
  '.npmrc',
  '.pypirc',
  '.pgpass',
  '.git-credentials',
  '.htpasswd',
  'credentials',
  'credentials.json',
  'service-account*.json',
  '.ssh/',
  '.aws/',
  '.gnupg/',
  '.kube/',
  '.docker/config.json',
] as const;

const secrets = ignore({ ignorecase: true, allowRelativePaths: true }).add([...secretFiles]);

/** @param name its path below a watched place, or its name in the session. */
export function isSecretFile(name: string): boolean {
  return secrets.ignores(name);
}

/** What takes the place of a secret. */
const redacted = '***';

const secretName =
  '[\\w.-]*(?:password|passwd|passphrase|secret|token|credential|api[_-]?key|private[_-]?key|auth)[\\w.-]*';
/** `--token`, whose value is the next word. */
const flagBefore = new RegExp(`^--?${secretName}$`, 'i');
/** `--token=VALUE`, `API_KEY=VALUE`, also in the middle of a word that a shell takes. */
const assigned = new RegExp(`((?:^|[\\s'"])(?:--?)?${secretName}=)("[^"]*"|'[^']*'|[^\\s'"]+)`, 'gi');
/** `Authorization: Bearer VALUE`. */
const header =
  /((?:authorization|proxy-authorization|x-api-key|cookie)\s*:\s*(?:bearer\s+|basic\s+)?)[^\s'"]+/gi;
/** `https://USER:PASSWORD@HOST`. */
const inUrl = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi;
/** Tokens that are known by how they begin. */
const known =
  /\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|npm_\w{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)/g;

/** Returns a command line without what looks like a secret in it. */
export function withoutSecrets(words: readonly string[]): string[] {
  return words.map((word, at) => {
    const before = words[at - 1];
    if (before !== undefined && flagBefore.test(before) && !word.startsWith('-')) return redacted;
    return word
      .replace(assigned, `$1${redacted}`)
      .replace(header, `$1${redacted}`)
      .replace(inUrl, `$1:${redacted}@`)
      .replace(known, redacted);
  });
}
