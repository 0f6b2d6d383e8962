/**
 * Answers of which a listener may take the first field, or all, as bytes. Others read messages, which are made only then.
 */
import type { Buffer } from 'node:buffer';

/** The parts of such an answer. */
interface Parts {
  /** Returns the bytes of the first field, with its tag. */
  readonly first: () => Buffer;
  /** The other fields; undefined: `first` has them, too. */
  readonly rest: object | undefined;
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

/** Returns an answer whose fields have these values. @param bytes returns the encoding of all. */
export function withBytes<F extends { readonly [name: string]: () => unknown }>(
  fields: F,
  bytes: () => Buffer,
): { readonly [name in keyof F]: ReturnType<F[name]> } {
  const answer = {};
  for (const [name, get] of Object.entries(fields))
    Object.defineProperty(answer, name, { get, enumerable: true });
  partsOf.set(answer, { first: bytes, rest: undefined });
  return answer as { readonly [name in keyof F]: ReturnType<F[name]> };
}

/** Returns the parts of such an answer; undefined for any other message. */
export function firstFieldOf(message: object): Parts | undefined {
  return partsOf.get(message);
}
