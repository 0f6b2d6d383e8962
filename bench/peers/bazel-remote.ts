/** bazel-remote, with files as they are and no log of accesses. */
import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { freeAddress } from '../../scripts/free-port.ts';
import type { Content } from '../harness/content.ts';
import { programAt } from './missing.ts';
import { PeerProcess } from './peer-process.ts';
import { field, fieldHead, framed, varintField } from './protobuf.ts';

export const byteStreamPath = '/google.bytestream.ByteStream/Write';

/** What is durable and hashed where bazel-remote is measured, for the notes of a figure. */
export const bazelPromises =
  'bazel-remote 2.6, --storage_mode uncompressed: the digest is computed and compared; its source syncs compressed files alone, so what it answers for here is not durable';

interface BazelRemote extends AsyncDisposable {
  readonly process: PeerProcess;
  /** HOST:PORT. */
  readonly grpcAddress: string;
}

/** @throws PeerMissing. */
export async function startBazelRemote(directory: string): Promise<BazelRemote> {
  const program = programAt({
    name: 'bazel-remote',
    from: 'Debian does not have it: put version 2.6 from its releases on the PATH',
  });
  const [address, grpcAddress] = [await freeAddress(), await freeAddress()];
  const process = await PeerProcess.start({
    command: [
      program,
      ...['--dir', join(directory, 'bazel-remote'), '--max_size', '100', '--storage_mode', 'uncompressed'],
      ...['--http_address', address, '--grpc_address', grpcAddress, '--access_log_level', 'none'],
    ],
    address,
    answers: async () => (await fetch(`http://${address}/status`)).ok,
  });
  return { process, grpcAddress, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
}

/** The frames of ByteStream.Write: head and bytes of each message apart, so that the bytes are not copied. */
export function* writeFrames(content: Content, version: number, sha256: string): Generator<Buffer> {
  const name = Buffer.from(`uploads/${randomUUID()}/blobs/${sha256}/${content.sizeBytes}`);
  let offset = 0;
  for (const piece of content.pieces(version)) {
    const isLast = offset + piece.length === content.sizeBytes;
    const head = Buffer.concat([
      offset === 0 ? field(1, name) : Buffer.alloc(0),
      varintField(2, offset),
      varintField(3, isLast ? 1 : 0),
      fieldHead(10, piece.length),
    ]);
    yield framed(head, piece.length);
    yield piece;
    offset += piece.length;
  }
}
