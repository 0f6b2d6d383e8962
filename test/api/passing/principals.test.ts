/** The caller of a passed-on call arrives as it was. */
import { Buffer } from 'node:buffer';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PrincipalSchema } from '../../../gen/artifacta/internal/v1/replicas_service_pb.ts';
import { principalOf, principalText } from '../../../src/api/passing/principals.ts';
import { parseNamespace, parseSessionId, parseSessionPrefix } from '../../../src/domain/names.ts';
import type { Principal, Scope } from '../../../src/domain/principal.ts';

const bytes = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const id = fc.stringMatching(/^[A-Za-z0-9._:-]{1,20}$/).filter((text) => text !== '.' && text !== '..');

const restriction = fc
  .record(
    {
      sessions: fc
        .array(id, { maxLength: 16 })
        .map((ids) => new Set(ids.map((one) => parseSessionId('s', one)))),
      namePrefix: fc.string({ maxLength: 50, unit: 'binary' }).filter((text) => text.isWellFormed()),
      pushBytesMax: bytes,
      artifactBytesMax: bytes,
    },
    { requiredKeys: [] },
  )
  .chain((limits) =>
    fc
      .constantFrom({}, { sessionPrefixes: ['run_42.', 'a:'].map((one) => parseSessionPrefix('p', one)) })
      .map((prefixes) => ({ ...limits, ...prefixes })),
  );

const principal: fc.Arbitrary<Principal> = fc
  .record(
    {
      subject: fc.string({ minLength: 1, maxLength: 100 }),
      namespace: fc.constantFrom('default', 'team-1').map((text) => parseNamespace('n', text)),
      scopes: fc.subarray<Scope>(['read', 'share', 'write']).map((scopes) => new Set(scopes)),
      operator: fc.boolean(),
      apiKey: fc.stringMatching(/^key_[a-z2-7]{16}$/),
      expireTime: fc.integer({ min: 0, max: 253_402_300_799_999 }),
      restriction,
      payer: fc.record({ group: fc.string({ minLength: 1 }), name: fc.string() }),
    },
    { requiredKeys: ['subject', 'namespace', 'scopes', 'operator'] },
  )
  .map((found) => found as Principal);

it('with everything that it may and may not', () => {
  fc.assert(
    fc.property(principal, (by) => {
      const text = principalText(by);
      expect(text).toMatch(/^[A-Za-z0-9_-]*$/);
      expect(principalOf(text)).toEqual(by);
    }),
    { numRuns: 300 },
  );
});

it('unless it has a right that this version does not know', () => {
  const message = create(PrincipalSchema, { subject: 'x', namespace: 'default', scopes: ['read', 'prune'] });
  const text = Buffer.from(toBinary(PrincipalSchema, message)).toString('base64url');
  expect(() => principalOf(text)).toThrow('principal.scopes: must be read, share or write');
});
