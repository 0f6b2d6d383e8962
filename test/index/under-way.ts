/** The operations of databases that have not ended. */

export const operations = new Set<Promise<unknown>>();

/** Notes an operation that ends by itself: `turns` of `support.ts` waits for it. */
export function underWay<T>(operation: Promise<T>): Promise<T> {
  operations.add(operation);
  const end = () => operations.delete(operation);
  operation.then(end, end);
  return operation;
}
