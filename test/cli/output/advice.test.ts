/** The advice for a refusal agrees with its message, and does not repeat it. */
import { expect, it } from 'vitest';
import { adviceFor } from '../../../src/cli/advice.ts';
import { ArtifactaError, type Reason } from '../../../src/client/errors.ts';

it.each<[Reason, string, Record<string, string>, RegExp | undefined]>([
  ['ETAG_MISMATCH', 'session s has changed: its etag is now "2"', { etag: '"2"' }, /new etag/],
  ['ETAG_MISMATCH', 'loss_id: no loss is reported now, so none can be accepted', {}, undefined],
  ['QUOTA_EXCEEDED', 'the quota of the namespace for bytes is 10', { quota: 'bytes' }, undefined],
  ['DATA_LOSS', 'the content 00 cannot be read', { sha256: '00' }, /Pushing the same content again/],
  ['DATA_LOSS', 'it is damaged; pushing the same bytes again heals it', { sha256: '00' }, undefined],
  ['DATA_LOSS', 'the content 00: its bytes are gone; push the same bytes again', { sha256: '00' }, undefined],
  ['DATA_LOSS', 'the index row a does not match its checksum', { key: 'a' }, /artifacta fsck/],
  ['DATA_LOSS', 'the index has lost a record: an operator must run "artifacta fsck"', {}, undefined],
  ['PERMISSION_DENIED', 'these credentials lack the scope "write"', { scope: 'write' }, /scope "write"/],
  ['PERMISSION_DENIED', 'only operators may do this: use the key of an operator', {}, undefined],
  ['UNAUTHENTICATED', 'the token has expired', {}, /ARTIFACTA_TOKEN/],
  ['UNAUTHENTICATED', 'this service accepts no token: leave the token out', {}, undefined],
  ['OVERLOADED', 'too many calls are open; try again in a moment', {}, undefined],
  ['OVERLOADED', 'the service is busy', {}, /again/],
])('%s: %s', (reason, message, metadata, expected) => {
  const advice = adviceFor(new ArtifactaError(message, { code: 'UNKNOWN', reason, metadata }));
  if (expected === undefined) expect(advice).toBeUndefined();
  else expect(advice).toMatch(expected);
});
