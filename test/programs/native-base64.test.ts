/** JSON encodes bytes with Node's encoder, and decodes them as the library does by itself. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

const main = readFileSync(`${root}/src/main.ts`, 'utf8');
/** What is loaded before it, which must not load the library. */
const before = [...main.matchAll(/^import .* from '\.\/(.*)';$/gm)].map((found) => `./src/${found[1]}`);

describe('the program', () => {
  it('loads it before the service, and only for that', () => {
    const at = (module: string) => main.indexOf(`import('./programs/${module}')`);
    expect(at('native-base64.ts')).toBeGreaterThan(0);
    expect(at('native-base64.ts')).toBeLessThan(at('serve.ts'));
    expect(main.slice(main.indexOf('async function commandLine'))).not.toContain('native-base64');
  });

  it('then encodes and decodes with Node, and leaves nothing that others could take for the standard', () => {
    const script = `
      const count = { toString: 0, write: 0 };
      for (const name of Object.keys(count)) {
        const native = Buffer.prototype[name];
        Buffer.prototype[name] = function (...args) {
          if (args.includes('base64')) count[name]++;
          return native.apply(this, args);
        };
      }
      for (const module of ${JSON.stringify(before)}) await import(module);
      await import('./src/programs/native-base64.ts');
      const { base64Decode, base64Encode } = await import('@bufbuild/protobuf/wire');
      const back = base64Decode(base64Encode(new Uint8Array([1, 2, 3, 4])));
      const left = ['toBase64', 'setFromBase64'].filter((name) => name in Uint8Array.prototype);
      console.log(JSON.stringify({ count, back: [...back], left }));`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root });
    expect(JSON.parse(String(printed))).toEqual({
      count: { toString: 1, write: 1 },
      back: [1, 2, 3, 4],
      left: [],
    });
  });
});

describe('bytes', () => {
  const encodings = { std: 'base64', std_raw: 'base64', url: 'base64url' } as const;

  it('are the same in every form, also where they are a part of a larger buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat({ max: 5 }), (bytes, at) => {
        const within = new Uint8Array(bytes.length + 7);
        within.set(bytes, at);
        const part = within.subarray(at, at + bytes.length);
        for (const [name, encoding] of Object.entries(encodings)) {
          const text = Buffer.from(bytes).toString(encoding);
          const encoded = base64Encode(part, name as keyof typeof encodings);
          expect(encoded).toBe(name === 'std' ? text : text.replace(/=+$/, ''));
          expect(base64Decode(encoded)).toEqual(bytes);
        }
      }),
    );
  });

  it.each([
    'aGVsbG8gdGhlcmU=',
    'aGVsbG8gdGhlcmU',
    'aGVs\nbG8g\r\ndGhl cmU=\t',
    'aGVsbG8g\ndGhlcmU=',
    'aGVsbG8=IHRoZXJl',
  ])('may be written as %j', (text) => {
    expect(Buffer.from(base64Decode(text)).toString()).toBe('hello there');
  });

  it.each(['A', 'QUJDR', 'QUJ%', '%%%%', 'QUJŁ', 'ŁŁŁŁ', 'QU\0D', 'QUJDé'])('are not %j', (text) => {
    expect(() => base64Decode(text)).toThrow('invalid base64 string');
  });
});
