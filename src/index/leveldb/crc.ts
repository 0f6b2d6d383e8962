import { crc32c } from '@node-rs/crc32';

/**
 * Returns the CRC-32C of `bytes` as LevelDB stores it: rotated and shifted, so that the CRC of bytes that contain CRCs
 * means something.
 */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
