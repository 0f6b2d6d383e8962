/** gRPC frames: a byte that says "not compressed", the length, the message. */
import { Buffer } from 'node:buffer';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

export function frame<D extends DescMessage>(desc: D, message: MessageInitShape<D>): Buffer {
  const bytes = toBinary(desc, create(desc, message));
  const framed = Buffer.allocUnsafeSlow(5 + bytes.length);
  framed[0] = 0;
  framed.writeUInt32BE(bytes.length, 1);
  framed.set(bytes, 5);
  return framed;
}
