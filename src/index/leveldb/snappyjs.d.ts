declare module 'snappyjs' {
  /** @throws Error for bytes that are not in Snappy's format. */
  export function uncompress<T extends Uint8Array | ArrayBuffer>(compressed: T, maxLength?: number): T;
}
