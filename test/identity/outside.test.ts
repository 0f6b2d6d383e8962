/** The file of identities from outside, and the rules for client certificates in it. */
import { describe, expect, it } from 'vitest';
import { identifyBy } from '../../src/identity/certificates.ts';
import { parseOutsideConfig } from '../../src/identity/config.ts';

const issuer = {
  issuer: 'https://issuer.example',
  audiences: ['artifacta'],
  keys: { url: 'https://issuer.example/keys' },
  namespace: { claim: ['kubernetes.io', 'namespace'] },
  scopes: ['read', 'write'],
};
const rule = { spiffe: 'spiffe://td/ns/{namespace}/sa/*', scopes: ['read'] };

describe('the file', () => {
  it('says whose tokens and certificates are taken', () => {
    const parsed = parseOutsideConfig(
      JSON.stringify({
        jwt: [
          issuer,
          {
            ...issuer,
            issuer: 'b',
            namespace: 'team',
            scopes: { claim: 'scope' },
            operator: { claim: 'groups', value: 'ops' },
          },
        ],
        certificates: [rule, { subject: 'ci', namespace: 'ci', operator: true }],
      }),
    );
    expect(parsed.jwt[0]).toMatchObject({
      namespace: { claim: ['kubernetes.io', 'namespace'] },
      scopes: { fixed: ['read', 'write'] },
      operator: undefined,
    });
    expect(parsed.jwt[1]).toMatchObject({
      namespace: { fixed: 'team' },
      scopes: { claim: ['scope'] },
      operator: { claim: ['groups'], value: 'ops' },
    });
    expect(parsed.certificates).toHaveLength(2);
    expect(parseOutsideConfig('{}')).toEqual({ jwt: [], certificates: [] });
    const proxied = (proxy: unknown) => parseOutsideConfig(JSON.stringify({ jwt: [issuer], proxy })).proxy;
    expect(proxied({ header: 'Cf-Access-Jwt-Assertion' })).toEqual({ header: 'cf-access-jwt-assertion' });
    expect(proxied({ cookie: 'CF_Authorization' })).toEqual({ cookie: 'CF_Authorization' });
  });

  it.each<[string, unknown, string]>([
    ['no object', [], 'must be an object'],
    ['a misspelt member', { jwts: [] }, 'jwts: must be one of jwt, certificates, proxy'],
    [
      'a misspelt member inside',
      { jwt: [{ ...issuer, audience: 'a' }] },
      'jwt[0].audience: must be one of issuer, audiences,',
    ],
    ['a proxy without issuers', { proxy: { header: 'x' } }, 'proxy: must come with an issuer in jwt'],
    ['a proxy without a place', { jwt: [issuer], proxy: {} }, 'proxy: must have header, cookie or both'],
    [
      'a proxy with a header that counts anyway',
      { jwt: [issuer], proxy: { header: 'Authorization' } },
      'proxy.header: must be the name of a header, and not authorization,',
    ],
    ['no name of a header', { jwt: [issuer], proxy: { header: 'a b' } }, 'proxy.header: must be the name of'],
    ['no name of a cookie', { jwt: [issuer], proxy: { cookie: 'a=b' } }, 'proxy.cookie: must be the name of'],
    ['no audience', { jwt: [{ ...issuer, audiences: [] }] }, 'jwt[0].audiences: must have at least one'],
    ['no issuer', { jwt: [{ ...issuer, issuer: undefined }] }, 'jwt[0].issuer: is required'],
    ['an issuer twice', { jwt: [issuer, issuer] }, 'jwt[1].issuer: must be given only once'],
    [
      'keys in clear',
      { jwt: [{ ...issuer, keys: { url: 'http://issuer.example' } }] },
      'jwt[0].keys.url: must be an https:// URL',
    ],
    ['no keys', { jwt: [{ ...issuer, keys: {} }] }, 'jwt[0].keys: must have url or file'],
    ['a bad namespace', { jwt: [{ ...issuer, namespace: '../x' }] }, 'jwt[0].namespace: must be a namespace'],
    ['a bad scope', { jwt: [{ ...issuer, scopes: ['read', 'admin'] }] }, 'jwt[0].scopes[1]: must be a scope'],
    [
      'an empty claim',
      { jwt: [{ ...issuer, scopes: { claim: [] } }] },
      'jwt[0].scopes.claim: must have at least one name',
    ],
    [
      'half an operator',
      { jwt: [{ ...issuer, operator: { claim: 'g' } }] },
      'jwt[0].operator.value: is required',
    ],
    [
      'an operator whom no token can show',
      { jwt: [{ ...issuer, operator: { claim: 'scope', value: 'all ops' } }] },
      'jwt[0].operator.value: must not contain a space',
    ],
    [
      'a rule for nobody',
      { certificates: [{ scopes: ['read'] }] },
      'certificates[0]: must have spiffe or subject',
    ],
    [
      'a rule without a namespace',
      { certificates: [{ subject: 'a', scopes: ['read'] }] },
      'certificates[0].namespace: is required',
    ],
    [
      'two namespaces',
      { certificates: [{ ...rule, namespace: 'a' }] },
      'certificates[0].namespace: must be left out: the pattern contains {namespace}',
    ],
    [
      'a bad pattern',
      { certificates: [{ ...rule, spiffe: 'spiffe://td/../{namespace}?' }] },
      'certificates[0].spiffe: must be a pattern',
    ],
    ['no scopes', { certificates: [{ spiffe: rule.spiffe }] }, 'certificates[0].scopes: is required'],
    [
      'a flag that is none',
      { certificates: [{ ...rule, operator: 'yes' }] },
      'certificates[0].operator: must be true or false',
    ],
  ])('with %s is refused, by the place', (_what, value, message) => {
    expect(() => parseOutsideConfig(JSON.stringify(value))).toThrow(message);
  });

  it('that is no JSON is refused', () => {
    expect(() => parseOutsideConfig('{')).toThrow('must be JSON');
  });
});

describe('a client certificate', () => {
  const { certificates } = parseOutsideConfig(
    JSON.stringify({
      certificates: [
        { spiffe: 'spiffe://td/ns/ops/sa/root', namespace: 'default', operator: true },
        rule,
        { subject: 'ci', namespace: 'builds', scopes: ['write'] },
      ],
    }),
  );
  const identify = identifyBy(certificates);
  const whose = (uris: string[], subject = '') => {
    const found = identify({ subject, uris, dns: [] });
    return (
      found && `${found.subject} ${found.namespace} ${found.operator ? 'operator' : found.scopes.join()}`
    );
  };

  it('stands for whom the first rule that fits says', () => {
    expect(whose(['spiffe://td/ns/billing/sa/agent'])).toBe('spiffe://td/ns/billing/sa/agent billing read');
    expect(whose(['spiffe://td/ns/ops/sa/root'])).toBe('spiffe://td/ns/ops/sa/root default operator');
    expect(whose([], 'ci')).toBe('CN=ci builds write');
  });

  it.each<[string, string[], string]>([
    ['of another trust domain', ['spiffe://evil/ns/billing/sa/agent'], ''],
    ['with a segment more', ['spiffe://td/ns/billing/sa/agent/x'], ''],
    ['with a segment less', ['spiffe://td/ns/billing/sa'], ''],
    ['that climbs', ['spiffe://td/ns/../sa/agent'], ''],
    ['with an encoded slash', ['spiffe://td/ns/a%2fb/sa/agent'], ''],
    ['with an empty segment', ['spiffe://td/ns//sa/agent'], ''],
    ['whose namespace is none', ['spiffe://td/ns/Billing/sa/agent'], ''],
    ['with a query', ['spiffe://td/ns/billing/sa/agent?x'], ''],
    ['with two ids', ['spiffe://td/ns/billing/sa/agent', 'spiffe://td/ns/ops/sa/root'], ''],
    ['with another name', [], 'ci '],
    ['without any', [], ''],
  ])('%s stands for nobody', (_what, uris, subject) => {
    expect(whose(uris, subject)).toBeUndefined();
  });
});
