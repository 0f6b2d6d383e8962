/** What session ids begin with: which texts may be such a prefix, and which ids one allows. */
import { expect, it } from 'vitest';
import { failedWith } from '../../src/domain/errors.ts';
import { parseNamespace, parseSessionId, parseSessionPrefix } from '../../src/domain/names.ts';
import {
  localOperator,
  requireSessionWritable,
  seesArtifact,
  seesEverything,
  seesSession,
  seesSessionsOf,
} from '../../src/domain/principal.ts';

const id = (text: string) => parseSessionId('session', text);
const prefix = (text: string) => parseSessionPrefix('prefix', text);
const limited = (sessions: readonly string[], prefixes: readonly string[]) => ({
  ...localOperator(parseNamespace('namespace', 'default')),
  restriction: { sessions: new Set(sessions.map(id)), sessionPrefixes: prefixes.map(prefix) },
});

function faultOf(work: () => unknown): string {
  try {
    work();
    return 'none';
  } catch (error) {
    if (!failedWith(error, 'INVALID_ARGUMENT', 'PERMISSION_DENIED')) throw error;
    return error.message;
  }
}

it.each(['run_42.', 'run_42.1.', 'tenant:', 'a-b_c:d.', `${'x'.repeat(126)}.`, 'a..', '-.'])(
  '%s is a prefix',
  (text) => {
    expect(prefix(text)).toBe(text);
  },
);

it.each([
  ['', 'prefix: must end with "." or ":", for example "run_42."'],
  ['run_42', 'prefix: must end with "." or ":", for example "run_42."'],
  ['run_', 'prefix: must end with "." or ":", for example "run_42."'],
  ['run-', 'prefix: must end with "." or ":", for example "run_42."'],
  ['run_42.\n', 'prefix: must end with "." or ":", for example "run_42."'],
  ['.', 'prefix: is required'],
  ['..', 'prefix: must not be "."'],
  ['...', 'prefix: must not be ".."'],
  ['run/42.', 'prefix: must have only letters, digits and . _ : -'],
  ['run\n.', 'prefix: must have only letters, digits and . _ : -'],
  ['ü.', 'prefix: must have only letters, digits and . _ : -'],
  [`${'x'.repeat(127)}.`, 'prefix: must have fewer than 128 characters, not 128'],
])('%j is none', (text, message) => {
  expect(faultOf(() => prefix(text))).toBe(message);
});

it('allows what begins with it, and nothing else', () => {
  const by = limited(['run_42'], ['run_42.', 'a:']);
  const seen = ['run_42', 'run_42.1', 'run_42.1.7', 'run_42.', 'a:b', 'a:'];
  const unseen = ['run_421', 'run_421.1', 'run_4', 'Run_42.1', 'a', 'ab:', 'x.run_42.1'];
  for (const session of seen) expect([session, seesSession(by, session)]).toEqual([session, true]);
  for (const session of unseen) expect([session, seesSession(by, session)]).toEqual([session, false]);
  expect(seesArtifact(by, { session: 'run_42.1', name: 'a' })).toBe(true);
  expect(seesArtifact(by, { session: 'run_421', name: 'a' })).toBe(false);
  expect(seesEverything(by)).toBe(false);
  expect(faultOf(() => requireSessionWritable(by, id('run_421')))).toBe(
    'session: must be one of the sessions that this token is limited to: run_42, run_42.*, a:*',
  );
});

it('allows other prefixes that begin with it', () => {
  const by = limited(['b'], ['run_42.']);
  expect(['run_42.', 'run_42.1.', 'run_42.1:'].map((text) => seesSessionsOf(by, prefix(text)))).toEqual([
    true,
    true,
    true,
  ]);
  expect(['run_421.', 'b.', 'run_42:'].map((text) => seesSessionsOf(by, prefix(text)))).toEqual([
    false,
    false,
    false,
  ]);
  expect(seesSessionsOf(localOperator(parseNamespace('namespace', 'default')), prefix('b.'))).toBe(true);
});
