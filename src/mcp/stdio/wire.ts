/** The way to a client over two streams: one JSON message on each line. */
import { Buffer, isUtf8 } from 'node:buffer';
import type { Readable, Writable } from 'node:stream';
import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  serializeMessage,
  type Transport,
} from '@modelcontextprotocol/server';

/** A longer message is skipped. Longer arguments than any tool takes are read nevertheless, so that their call gets an error. */
const messageBytesMax = 32 * 1024 * 1024;
const lineFeed = 0x0a;
const invalidRequest = -32600;
const parseError = -32700;

/** How a connection ended: the client closed its end, or something broke. */
type WireEnd = 'closed' | 'broken';

/**
 * The SDK's own transport repairs bytes that are not UTF-8 without a report, and closes the connection when a message is
 * long. Here the client gets an error for both, and the connection stays.
 */
export class StdioWire implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** Resolves when the connection is closed. */
  readonly ended: Promise<WireEnd>;
  private readonly input: Readable;
  private readonly output: Writable;
  private readonly end: (end: WireEnd) => void;
  private pieces: Buffer[] = [];
  private piecesBytes = 0;
  private isTooLong = false;
  private isClosed = false;

  constructor(input: Readable, output: Writable) {
    this.input = input;
    this.output = output;
    const { promise, resolve } = Promise.withResolvers<WireEnd>();
    this.ended = promise;
    this.end = resolve;
  }

  async start(): Promise<void> {
    this.output.on('error', this.broke);
    this.input.on('error', this.broke);
    this.input.on('end', this.inputEnded);
    this.input.on('close', this.inputEnded);
    this.input.on('data', this.take);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.isClosed) throw new Error('the connection is closed');
    await this.write(serializeMessage(message));
  }

  close(): Promise<void> {
    return this.closeAs('broken');
  }

  private async closeAs(end: WireEnd): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.input.off('data', this.take);
    this.input.pause();
    this.pieces = [];
    this.end(end);
    this.onclose?.();
  }

  private readonly inputEnded = () => void this.closeAs('closed');

  private readonly broke = (error: Error) => {
    if (!this.isClosed) this.onerror?.(error);
    void this.closeAs('broken');
  };

  private readonly take = (chunk: Buffer) => {
    let rest = chunk;
    for (let at = rest.indexOf(lineFeed); at >= 0 && !this.isClosed; at = rest.indexOf(lineFeed)) {
      this.keep(rest.subarray(0, at));
      rest = rest.subarray(at + 1);
      this.deliver();
    }
    this.keep(rest);
  };

  private keep(bytes: Buffer): void {
    if (bytes.byteLength === 0 || this.isTooLong) return;
    this.piecesBytes += bytes.byteLength;
    this.isTooLong = this.piecesBytes > messageBytesMax;
    if (this.isTooLong) this.pieces = [];
    else this.pieces.push(bytes);
  }

  private deliver(): void {
    const line = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces);
    const { isTooLong } = this;
    this.pieces = [];
    this.piecesBytes = 0;
    this.isTooLong = false;
    const read = isTooLong
      ? { id: null, code: invalidRequest, fault: `must have at most ${messageBytesMax} bytes` }
      : messageIn(line);
    if (read === undefined) return;
    if ('message' in read) this.onmessage?.(read.message);
    else this.refuse(read);
  }

  private refuse({ id, code, fault }: Unreadable): void {
    const error = { code, message: `message: ${fault}` };
    this.write(`${JSON.stringify({ jsonrpc: '2.0', id, error })}\n`).catch(() => undefined);
  }

  /** Resolves when the stream has taken the text. */
  private write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.output.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }
}

/** A line that is not a message. */
interface Unreadable {
  /** The id of the request, if the line has one. */
  readonly id: string | number | null;
  readonly code: number;
  readonly fault: string;
}

/** Returns the message in a line; undefined for an empty line. */
function messageIn(line: Buffer): { readonly message: JSONRPCMessage } | Unreadable | undefined {
  const text = line.toString('utf8').trim();
  if (text === '') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { id: null, code: parseError, fault: 'must be JSON in one line' };
  }
  const given = (parsed as { readonly id?: unknown } | null)?.id;
  const id = typeof given === 'string' || typeof given === 'number' ? given : null;
  if (!isUtf8(line)) return { id, code: invalidRequest, fault: 'must be UTF-8' };
  try {
    return { message: parseJSONRPCMessage(parsed) };
  } catch {
    const fault = 'must be a request, a notification or an answer of JSON-RPC 2.0';
    return { id, code: invalidRequest, fault };
  }
}
