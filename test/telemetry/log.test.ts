/** What is logged of errors. */
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/domain/errors.ts';
import { describeError, escapeControls, redact } from '../../src/telemetry/log.ts';

describe('an error in the log', () => {
  it('has no members but those that are known to be harmless', () => {
    const error = Object.assign(new Error('not sent', { cause: new Failure('DATA_LOSS', 'damaged') }), {
      code: 'ECONNRESET',
      config: { headers: { authorization: 'Bearer secret' } },
      response: { data: 'secret' },
    });
    const described = describeError(error);
    expect(described).toEqual({
      type: 'Error',
      message: 'not sent',
      stack: expect.stringContaining('log.test.ts'),
      code: 'ECONNRESET',
      cause: { type: 'Failure', message: 'damaged', stack: expect.any(String), reason: 'DATA_LOSS' },
    });
    expect(JSON.stringify(described)).not.toContain('secret');
  });

  it('may be anything that was thrown', () => {
    const around: Error & { cause?: unknown } = new Error('round');
    around.cause = around;
    expect(JSON.stringify(describeError(around)).match(/"message":"round"/g)).toHaveLength(4);
    expect(describeError({ token: 'secret' })).toEqual({ type: 'object', message: '(not an Error)' });
    expect(describeError('text')).toEqual({ type: 'string', message: 'text' });
    expect(describeError(undefined)).toEqual({ type: 'undefined', message: '(not an Error)' });
    expect(describeError(new Error('x'.repeat(100_000))).message).toHaveLength(8_192);
  });

  it.each([
    ['401 for Bearer s3cret.x-y, sorry', '401 for Bearer [redacted], sorry'],
    ['authorization: Bearer s3cret', 'authorization: [redacted]'],
    ['{"Authorization":"Basic s3cret"}', '{"Authorization":"[redacted]"}'],
    ['GET /?token=s3cret&x=y', 'GET /?token=[redacted]&x=y'],
    ['https://b/o?X-Goog-Signature=s3cret&x=y', 'https://b/o?X-Goog-Signature=[redacted]&x=y'],
    ['page_token: token is for another filter', 'page_token: token is for another filter'],
    ['the bearer', 'the bearer'],
  ])('says no credentials: %s', (text, expected) => {
    expect(redact(text)).toBe(expected);
  });
});

describe('a line of the log', () => {
  it('has no controls, and says the same', () => {
    const said = { subject: 'a\u009b2Jb\u202ec\u007f\u2028é😀\u001b[2J\n' };
    const line = escapeControls(`${JSON.stringify(said)}\n`);
    expect(line).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028](?!$)/u);
    expect(JSON.parse(line)).toEqual(said);
  });
});
