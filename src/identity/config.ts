/** The file that lists the accepted identities from outside. It is read strictly: no part of it is ignored. */
import { parseNamespace } from '../domain/names.ts';
import { scopes as allScopes, type Scope } from '../domain/principal.ts';
import type { CertificateRule } from './certificates.ts';
import { isScopeClaim, type JwtIssuer } from './jwt.ts';
import type { KeySource } from './key-sets.ts';
import type { ProxyPlaces } from './proxied.ts';

/** The content of the file. */
interface OutsideConfig {
  readonly jwt: readonly JwtIssuer[];
  readonly certificates: readonly CertificateRule[];
  readonly proxy: ProxyPlaces | undefined;
}

/** The error for a fault in the file: its place and the fault. */
class OutsideConfigError extends Error {
  constructor(path: string, what: string) {
    super(path === '' ? what : `${path}: ${what}`);
    this.name = 'OutsideConfigError';
  }
}

/** @throws OutsideConfigError */
export function parseOutsideConfig(text: string): OutsideConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new OutsideConfigError(
      '',
      `must be JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const root = new Node(value, '').members('jwt', 'certificates', 'proxy');
  const jwt = root.jwt?.items().map(parseIssuer) ?? [];
  const seen = new Set<string>();
  for (const [at, { issuer }] of jwt.entries()) {
    if (seen.has(issuer)) throw new OutsideConfigError(`jwt[${at}].issuer`, 'must be given only once');
    seen.add(issuer);
  }
  const proxy = root.proxy && parseProxy(root.proxy);
  if (proxy !== undefined && jwt.length === 0)
    throw new OutsideConfigError(
      'proxy',
      'must come with an issuer in jwt, whose tokens the proxy passes on',
    );
  return { jwt, certificates: root.certificates?.items().map(parseRule) ?? [], proxy };
}

/** Of these, a proxy puts no token into any, or every call looks at them already. */
const headersWithMeaning = ['authorization', 'cookie', 'host', 'artifacta-namespace', 'artifacta-console'];

function parseProxy(node: Node): ProxyPlaces {
  const { header, cookie } = node.members('header', 'cookie');
  if (header === undefined && cookie === undefined) throw node.fault('', 'must have header, cookie or both');
  const name = header?.text().toLowerCase();
  if (name !== undefined && (!isToken(name) || headersWithMeaning.includes(name)))
    throw node.fault(
      'header',
      `must be the name of a header, and not ${headersWithMeaning.join(', ')}: a token in authorization counts anyway`,
    );
  if (cookie !== undefined && !isToken(cookie.text()))
    throw node.fault('cookie', 'must be the name of a cookie');
  return { header: name, cookie: cookie?.text() };
}

/** Whether a text is a token, as the names of headers and cookies are (RFC 9110 5.6.2). */
function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/.test(text);
}

function parseIssuer(node: Node): JwtIssuer {
  const members = node.members('issuer', 'audiences', 'keys', 'namespace', 'scopes', 'operator');
  const audiences = node.need(members.audiences, 'audiences').items();
  if (audiences.length === 0) throw node.fault('audiences', 'must have at least one');
  return {
    issuer: node.need(members.issuer, 'issuer').text(),
    audiences: audiences.map((audience) => audience.text()),
    keys: parseKeys(node.need(members.keys, 'keys')),
    namespace: parseNamespaceSource(node.need(members.namespace, 'namespace')),
    scopes: parseScopeSource(node.need(members.scopes, 'scopes')),
    operator: members.operator && parseOperator(members.operator),
  };
}

function parseKeys(node: Node): KeySource {
  const members = node.members('url', 'file', 'caFile', 'tokenFile');
  if ((members.url === undefined) === (members.file === undefined))
    throw node.fault('', 'must have url or file, not both');
  const url = members.url?.text();
  if (url !== undefined && !isSafeUrl(url))
    throw node.fault(
      'url',
      'must be an https:// URL, or http:// to this machine: all rights depend on these keys',
    );
  return {
    url,
    file: members.file?.text(),
    caFile: members.caFile?.text(),
    tokenFile: members.tokenFile?.text(),
  };
}

function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url?.protocol === 'https:') return true;
  return url?.protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}

function parseNamespaceSource(node: Node): JwtIssuer['namespace'] {
  if (node.isText) return { fixed: parseNamespaceText(node) };
  return { claim: parseClaim(node.need(node.members('claim').claim, 'claim')) };
}

function parseNamespaceText(node: Node): string {
  try {
    return parseNamespace('namespace', node.text());
  } catch {
    throw node.fault('', 'must be a namespace: 1 to 63 lower-case letters, digits and "-"');
  }
}

function parseScopeSource(node: Node): JwtIssuer['scopes'] {
  if (node.isArray) return { fixed: parseScopes(node) };
  return { claim: parseClaim(node.need(node.members('claim').claim, 'claim')) };
}

function parseScopes(node: Node): Scope[] {
  const scopes = node.items().map((item) => {
    const scope = allScopes.find((one) => one === item.text());
    if (scope === undefined) throw item.fault('', `must be a scope: ${allScopes.join(', ')}`);
    return scope;
  });
  if (scopes.length === 0) throw node.fault('', 'must have at least one');
  return scopes;
}

function parseOperator(node: Node): NonNullable<JwtIssuer['operator']> {
  const members = node.members('claim', 'value');
  const claim = parseClaim(node.need(members.claim, 'claim'));
  const value = node.need(members.value, 'value').text();
  if (isScopeClaim(claim) && value.includes(' '))
    throw node.fault(
      'value',
      'must not contain a space, because spaces separate the values in the claim "scope"',
    );
  return { claim, value };
}

/** Parses a name, or the path of a nested one: `["kubernetes.io", "namespace"]`. */
function parseClaim(node: Node): string[] {
  if (node.isText) return [node.text()];
  const names = node.items().map((item) => item.text());
  if (names.length === 0) throw node.fault('', 'must have at least one name');
  return names;
}

function parseRule(node: Node): CertificateRule {
  const members = node.members('spiffe', 'subject', 'namespace', 'scopes', 'operator');
  if ((members.spiffe === undefined) === (members.subject === undefined))
    throw node.fault('', 'must have spiffe or subject, not both');
  const spiffe = members.spiffe?.text();
  const captures = spiffe?.split('/').filter((segment) => segment === '{namespace}').length ?? 0;
  if (
    spiffe !== undefined &&
    !/^spiffe:\/\/[a-z0-9._-]+(\/([A-Za-z0-9._-]+|\*|\{namespace\}))*$/.test(spiffe)
  )
    throw node.fault('spiffe', 'must be a pattern such as spiffe://example.org/ns/{namespace}/sa/*');
  if (captures > 1) throw node.fault('spiffe', 'must name the namespace only once');
  const namespace = members.namespace && parseNamespaceText(members.namespace);
  if ((captures === 0) === (namespace === undefined))
    throw node.fault(
      'namespace',
      captures === 0 ? 'is required' : 'must be left out: the pattern contains {namespace}',
    );
  const operator = members.operator?.flag() ?? false;
  return {
    match: spiffe === undefined ? { subject: members.subject!.text() } : { spiffe },
    namespace,
    scopes: operator && members.scopes === undefined ? [] : parseScopes(node.need(members.scopes, 'scopes')),
    operator,
  };
}

/** A value of the file, and its place. */
class Node {
  private readonly value: unknown;
  private readonly path: string;

  constructor(value: unknown, path: string) {
    this.value = value;
    this.path = path;
  }

  get isText(): boolean {
    return typeof this.value === 'string';
  }

  get isArray(): boolean {
    return Array.isArray(this.value);
  }

  text(): string {
    if (typeof this.value !== 'string' || this.value === '')
      throw this.fault('', 'must be a string that is not empty');
    return this.value;
  }

  flag(): boolean {
    if (typeof this.value !== 'boolean') throw this.fault('', 'must be true or false');
    return this.value;
  }

  items(): Node[] {
    if (!Array.isArray(this.value)) throw this.fault('', 'must be a list');
    return this.value.map((item, at) => new Node(item, `${this.path}[${at}]`));
  }

  /** Returns the members of an object that may have only these. */
  members<N extends string>(...names: readonly N[]): Partial<Record<N, Node>> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value))
      throw this.fault('', 'must be an object');
    const found: Partial<Record<N, Node>> = {};
    for (const [name, value] of Object.entries(this.value)) {
      const known = names.find((one) => one === name);
      if (known === undefined) throw this.fault(name, `must be one of ${names.join(', ')}`);
      found[known] = new Node(value, this.at(name));
    }
    return found;
  }

  need(member: Node | undefined, name: string): Node {
    if (member === undefined) throw this.fault(name, 'is required');
    return member;
  }

  fault(name: string, what: string): OutsideConfigError {
    return new OutsideConfigError(name === '' ? this.path : this.at(name), what);
  }

  private at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}
