/** Lines of the log for people: the same data, and nothing that steers a terminal. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeError } from '../../src/telemetry/log.ts';
import { readableLine } from '../../src/telemetry/readable-line.ts';

const line = (fields: object) =>
  JSON.stringify({ level: 'info', time: '2026-11-28T21:14:07.123Z', ...fields });

describe('a readable line', () => {
  it('has the time of day, the level, the message and the fields', () => {
    const fields = {
      msg: 'pass',
      socket: '/run/my sock',
      next_ms: 12.5,
      export: null,
      empty: '',
      a: { b: [1] },
    };
    expect(readableLine(line(fields), false)).toBe(
      '21:14:07Z info  pass socket="/run/my sock" next_ms=12.5 export=null empty="" a={"b":[1]}\n',
    );
    expect(readableLine(line({ level: 'fatal' }), false)).toBe('21:14:07Z fatal \n');
  });

  it('has an error below it, with its stack and its causes', () => {
    const cause = Object.assign(new Error('broken'), { code: 'EIO' });
    const err = describeError(new TypeError('it failed', { cause }));
    const [first, ...rest] = readableLine(line({ level: 'error', msg: 'call', err }), false).split('\n');
    expect(first).toBe('21:14:07Z error call');
    expect(rest[0]).toBe('  TypeError: it failed');
    expect(rest[1]).toMatch(/^ {6}at .*readable-line\.test\.ts/);
    expect(rest).toContain('  caused by');
    expect(rest).toContain('  Error: broken code=EIO');
    const bare = readableLine(line({ err: { type: 'string', message: 'thrown' } }), false);
    expect(bare).toBe('21:14:07Z info  \n  string: thrown\n');
  });

  it('has colors only where it is told so', () => {
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) {
      const json = line({ level, msg: 'm', a: 'b', err: { type: 'E', message: 'x', stack: 'E: x\n at y' } });
      expect(readableLine(json, false)).not.toContain('\u001b');
      const colored = readableLine(json, true);
      expect(colored).toContain('\u001b[2m');
      expect(colored.replace(/\u001b\[\d+m/g, '')).toBe(readableLine(json, false));
    }
    expect(readableLine(line({ level: 'error', msg: 'm' }), true)).toContain('\u001b[31merror\u001b[0m');
  });

  const steering = ['\u001b[2J', '\u009b2J', '\u202e', '\u007f', '\u2028', '\r', '\n', '\t', '\u0000'];

  it('writes out what could steer a terminal, wherever it stands', () => {
    const text = `a${steering.join('b')}c`;
    const err = { type: text, message: text, code: text, cause: { type: 'E', message: 'm', stack: text } };
    for (const json of [
      line({ msg: text }),
      line({ [text]: text }),
      line({ a: { [text]: [text] } }),
      line({ err }),
    ]) {
      const shown = readableLine(json, false);
      expect(shown).toContain('\\u009b2J');
      // Lines of stacks are lines of their own.
      expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u);
    }
  });

  it('is one line for any fields without an error', () => {
    const word = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...steering));
    fc.assert(
      fc.property(fc.dictionary(word, fc.oneof(word, fc.jsonValue())), word, (fields, msg) => {
        const { err: _err, level: _level, time: _time, ...others } = fields;
        const shown = readableLine(line({ ...others, msg }), false);
        expect(shown).toMatch(/^21:14:07Z info [^\p{Cc}\p{Bidi_Control}\u2028\u2029]*\n$/u);
      }),
    );
  });
});
