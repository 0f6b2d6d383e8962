/** Messages that are sent to many callers as they are, so that a listener may encode each of them once. */
const shared = new WeakSet<object>();

/** Marks a message as sent to many callers. It must not be changed any more. */
export function share<T extends object>(message: T): T {
  shared.add(message);
  return message;
}

/** Returns true if the message is sent to many callers. */
export function isShared(message: object): boolean {
  return shared.has(message);
}
