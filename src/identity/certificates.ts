/** The identities of client certificates. TLS has checked that they are genuine. */
import { parseNamespace } from '../domain/names.ts';
import type { Scope } from '../domain/principal.ts';
import type { OutsideIdentity, PeerCertificate } from './authentication.ts';

/** One rule; the first that fits counts. */
export interface CertificateRule {
  /**
   * A SPIFFE id, segment by segment: `*` for any one segment, `{namespace}` for the one that names the namespace. Or
   * the common name of the subject.
   */
  readonly match: { readonly spiffe: string } | { readonly subject: string };
  /** Required where the pattern captures none. */
  readonly namespace?: string | undefined;
  readonly scopes: readonly Scope[];
  readonly operator: boolean;
}

/** Returns a function that finds the identity of a certificate by the rules. Undefined: no rule matches. */
export function identifyBy(
  rules: readonly CertificateRule[],
): (certificate: PeerCertificate) => OutsideIdentity | undefined {
  return (certificate) => {
    for (const rule of rules) {
      const found = matched(rule, certificate);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

function matched(rule: CertificateRule, { subject, uris }: PeerCertificate): OutsideIdentity | undefined {
  const { match, scopes, operator } = rule;
  if ('subject' in match) {
    if (match.subject !== subject || rule.namespace === undefined) return undefined;
    return { subject: `CN=${subject}`, namespace: rule.namespace, scopes, operator };
  }
  // SPIFFE allows one id in a certificate; with several, it is not known which one is meant.
  const [uri, ...others] = uris;
  if (uri === undefined || others.length > 0) return undefined;
  const captured = matchSegments(match.spiffe, uri);
  const namespace = captured?.namespace ?? rule.namespace;
  if (captured === undefined || namespace === undefined || !isNamespace(namespace)) return undefined;
  return { subject: uri, namespace, scopes, operator };
}

/** By the SPIFFE standard: no empty or relative segments, no percent-encoding, no query. */
const spiffePattern = /^spiffe:\/\/[a-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;

function matchSegments(pattern: string, uri: string): { readonly namespace?: string } | undefined {
  if (!spiffePattern.test(uri)) return undefined;
  const wanted = pattern.split('/');
  const given = uri.split('/');
  if (wanted.length !== given.length) return undefined;
  let namespace: string | undefined;
  for (const [at, want] of wanted.entries()) {
    if (want === '{namespace}') namespace = given[at];
    else if (want !== '*' && want !== given[at]) return undefined;
  }
  return namespace === undefined ? {} : { namespace };
}

function isNamespace(text: string): boolean {
  try {
    parseNamespace('namespace', text);
    return true;
  } catch {
    return false;
  }
}
