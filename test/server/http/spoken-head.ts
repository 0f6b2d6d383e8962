/** HTTP/2 by node:http2, but for the head of a request, which is what the test says: node:http2 sends no header twice. */
import { Buffer } from 'node:buffer';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Duplex, Transform } from 'node:stream';
import { onTestFinished } from 'vitest';
import { headerBlock } from './raw-http2.ts';

const prefaceBytes = 24;
const frameHeadBytes = 9;
const headersType = 1;

/** Puts another block of headers in the place of every one that passes; there should be one in all. */
function replacing(block: Buffer): Transform {
  let kept = Buffer.alloc(0);
  let isBegun = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      kept = Buffer.concat([kept, chunk]);
      if (!isBegun && kept.length >= prefaceBytes) {
        isBegun = true;
        this.push(kept.subarray(0, prefaceBytes));
        kept = kept.subarray(prefaceBytes);
      }
      while (isBegun && kept.length >= frameHeadBytes) {
        const length = kept.readUIntBE(0, 3);
        if (kept.length < frameHeadBytes + length) break;
        const head = Buffer.from(kept.subarray(0, frameHeadBytes));
        const isHead = head[3] === headersType;
        const payload = isHead ? block : kept.subarray(frameHeadBytes, frameHeadBytes + length);
        if (isHead) {
          head.writeUIntBE(block.length, 0, 3);
          // Neither padding nor a priority; where the block and the stream end stays.
          head[4] = head[4]! & 0x05;
        }
        this.push(Buffer.concat([head, payload]));
        kept = kept.subarray(frameHeadBytes + length);
      }
      done();
    },
  });
}

/** Asks once, over a socket that is connected, and resolves with all that is answered. */
export async function askWithHead(
  socket: Duplex,
  head: readonly (readonly [name: string, value: string])[],
  body: Uint8Array = new Uint8Array(),
): Promise<{ readonly headers: Record<string, unknown>; readonly body: string }> {
  const out = replacing(headerBlock(head));
  out.pipe(socket);
  socket.on('error', () => undefined);
  const wire = Duplex.from({ readable: socket, writable: out });
  const session: ClientHttp2Session = connect('http://localhost', { createConnection: () => wire });
  session.on('error', () => undefined);
  onTestFinished(() => {
    session.destroy();
    socket.destroy();
  });
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.on('error', () => undefined);
  let headers: Record<string, unknown> = {};
  const note = (found: object) => {
    headers = { ...headers, ...found };
  };
  stream.on('response', note).on('trailers', note);
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.end(body);
  await new Promise((resolve) => stream.once('close', resolve));
  return { headers, body: Buffer.concat(chunks).toString() };
}
