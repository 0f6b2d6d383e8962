/**
 * Resets a stream of HTTP/2 again before Node forgets it. A reset waits while Node writes to the connection. Node
 * (24.21) may forget a stream that is destroyed meanwhile, and its reset with it. For a forgotten stream, it tells
 * nghttp2 "0 bytes, and more to come". If nghttp2 has not ended that stream, it then makes empty frames without an end:
 * the event loop stands still, and memory grows until the process is killed.
 */
import { constants, type Http2SecureServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';

/** Node's own part of a stream. A second reset of the same stream has no effect. */
interface Handle {
  rstStream(code: number): void;
}

type Destroy = (error: Error | null, done: (error?: Error | null) => void) => void;

/** Has the later streams of a server reset in time. */
export function resetStreams(server: Http2Server | Http2SecureServer): void {
  server.prependListener('stream', (stream: ServerHttp2Stream) => {
    const close = stream.close.bind(stream);
    const destroy = (stream._destroy as Destroy).bind(stream);
    // A reset that came from the peer must not be answered by another one.
    let isClosedHere = false;
    stream.close = (code, done) => {
      isClosedHere = true;
      close(code, done);
    };
    stream._destroy = (error: Error | null, done: (error?: Error | null) => void) => {
      if (isClosedHere) handleOf(stream)?.rstStream(stream.rstCode ?? constants.NGHTTP2_NO_ERROR);
      destroy(error, done);
    };
  });
}

function handleOf(stream: ServerHttp2Stream): Handle | undefined {
  const symbol = Object.getOwnPropertySymbols(stream).find(({ description }) => description === 'kHandle');
  return symbol && (stream as unknown as Record<symbol, Handle | undefined>)[symbol];
}
