/** HTTP/2 frames by hand (RFC 9113), over any socket: node:http2 ends a stream before it resets it. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

/** The numbers of kinds of frames. */
export const types = { data: 0, headers: 1, reset: 3, settings: 4, windowUpdate: 8 } as const;
const endHeaders = 0x4;
const endStream = 0x1;
const initialWindowSize = 4;
const windowBytesMax = 2 ** 31 - 1;

/** One frame. */
export function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** Literals that are not indexed (RFC 7541, section 6.2.2), shorter than 127 bytes each. */
function literal(name: string, value: string): Buffer {
  const text = (part: string) => Buffer.concat([Buffer.from([part.length]), Buffer.from(part, 'latin1')]);
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

/** A block of headers, in this order, each as often as it is there. */
export function headerBlock(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(headers.map(([name, value]) => literal(name, value)));
}

/** Speaks over a socket that is connected, and reads nothing of what is answered. */
export class RawHttp2 {
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined).resume();
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(types.settings, 0, 0, Buffer.alloc(0)));
  }

  /** Announces 2 GiB to be taken on the connection, and on every stream to come. */
  openWindows(): void {
    const setting = Buffer.alloc(6);
    setting.writeUInt16BE(initialWindowSize, 0);
    setting.writeUInt32BE(windowBytesMax, 2);
    this.socket.write(frame(types.settings, 0, 0, setting));
    const more = Buffer.alloc(4);
    more.writeUInt32BE(windowBytesMax - 65_535);
    this.socket.write(frame(types.windowUpdate, 0, 0, more));
  }

  /** Opens a stream. Ids are odd and rise. */
  headers(streamId: number, headers: Readonly<Record<string, string>>): void {
    this.socket.write(frame(types.headers, endHeaders, streamId, headerBlock(Object.entries(headers))));
  }

  /** Says that nothing more comes on a stream. */
  end(streamId: number): void {
    this.socket.write(frame(types.data, endStream, streamId, Buffer.alloc(0)));
  }

  /** In frames of at most 16 KiB; nothing looks at the window: stay below 64 KiB in all. */
  data(streamId: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 16_384)
      this.socket.write(frame(types.data, 0, streamId, bytes.subarray(at, at + 16_384)));
  }

  /** @param code 0 is NO_ERROR, 8 is CANCEL. */
  reset(streamId: number, code: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(code);
    this.socket.write(frame(types.reset, 0, streamId, payload));
  }
}
