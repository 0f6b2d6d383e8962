/** Signatures leave nothing out that matches, and are what rows have kept. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Fact,
  facts,
  isSigned,
  mayHave,
  noSignature,
  signatureBytes,
  signatureOf,
} from '../../src/index/signature.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const fact: fc.Arbitrary<Fact> = fc.oneof(
  fc.tuple(text, text).map(([key, value]) => facts.metadata(key, value)),
  text.map(facts.type),
  text.map(facts.name),
  text.map(facts.session),
);

it('what has some facts may have each of them, and any of them together', () => {
  fc.assert(
    fc.property(fc.array(fact, { maxLength: 20 }), fc.infiniteStream(fc.boolean()), (all, draws) => {
      const some = all.filter(() => draws.next().value);
      expect(mayHave(signatureOf(all), signatureOf(some))).toBe(true);
    }),
  );
});

it('of five artifacts without a fact, four do not seem to have it', () => {
  let seeming = 0;
  const count = 5_000;
  for (let at = 0; at < count; at++) {
    const pairs = Array.from({ length: 6 }, (_, key) => facts.metadata(`key${key}`, `value ${at * 7 + key}`));
    const rest = [facts.type('text/plain'), facts.name(`out/${at}.txt`), facts.session(`run_${at}`)];
    const signature = signatureOf([...pairs, ...rest]);
    if (mayHave(signature, signatureOf([facts.metadata('agent', `other ${at}`)]))) seeming++;
  }
  expect(seeming / count).toBeLessThan(0.25);
});

it('what has no signature, or one of another length, may have every fact', () => {
  const wanted = signatureOf([facts.name('a'), facts.session('b')]);
  for (const length of [0, 1, signatureBytes - 1, signatureBytes + 1, 2 * signatureBytes]) {
    expect(mayHave(new Uint8Array(length), wanted)).toBe(true);
    expect(isSigned(new Uint8Array(length))).toBe(false);
  }
  expect(mayHave(noSignature, wanted)).toBe(true);
  expect(mayHave(signatureOf([]), wanted)).toBe(false);
});

it('is what the rows of stores have', () => {
  const all = [
    facts.metadata('agent', 'billing'),
    facts.type('application/json'),
    facts.name('日本.txt'),
    facts.session('run_42'),
  ];
  const hex = (of: readonly Fact[]) => Buffer.from(signatureOf(of)).toString('hex');
  expect([...all.map((one) => hex([one])), hex(all), hex([])]).toEqual([
    '08000008',
    '00500000',
    '00800010',
    '00010080',
    '08d10098',
    '00000000',
  ]);
});

it('kinds of facts are told apart', () => {
  const signatures = [
    facts.type('a'),
    facts.name('a'),
    facts.session('a'),
    facts.metadata('a', ''),
    facts.metadata('', 'a'),
  ];
  expect(new Set(signatures).size).toBe(signatures.length);
});
