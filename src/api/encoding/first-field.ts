/**
 * Answers whose first field a listener may take as bytes. Others read it as messages, which are made only then.
 */
import type { Buffer } from 'node:buffer';

/** The parts of such an answer. */
interface Parts {
  /** Returns the bytes of the first field, with its tag. */
  readonly first: () => Buffer;
  /** The other fields. */
  readonly rest: object;
}

const partsOf = new WeakMap<object, Parts>();

/** Returns the answer `{ [name]: messages(), ...rest }`. @param name the field with the lowest number. */
export function withFirstField<N extends string, M, R extends object>(
  name: N,
  messages: () => M,
  first: () => Buffer,
  rest: R,
): { readonly [name in N]: M } & R {
  const answer = Object.defineProperty({ ...rest }, name, { get: messages, enumerable: true });
  partsOf.set(answer, { first, rest });
  return answer as { readonly [name in N]: M } & R;
}

/** Returns the parts of such an answer; undefined for any other message. */
export function firstFieldOf(message: object): Parts | undefined {
  return partsOf.get(message);
}
