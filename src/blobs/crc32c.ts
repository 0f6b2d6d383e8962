/** The CRC32C of an object, in the form of the API: four bytes, most significant first, in base64. */
import { Buffer } from 'node:buffer';
import { crc32c } from '@node-rs/crc32';

/** Takes the bytes of an object in order and keeps none of them. */
export class Crc32c {
  private value = 0;

  update(bytes: Uint8Array): void {
    if (bytes.length > 0) this.value = crc32c(bytes, this.value);
  }

  /** Returns the checksum of all bytes so far. */
  text(): string {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.value);
    return bytes.toString('base64');
  }
}
