/**
 * Answers in binary. The driver would make a text of every value, and of a byte string a text of twice its length. So
 * the rows are taken out of what the server sends, before the driver reads the rest.
 */
import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import type { Client } from 'pg';

/** The part of the driver's connection that is used: it is not among its types. */
interface DriverConnection {
  attachListeners(stream: EventEmitter): void;
  emit(event: 'dataRow', row: { name: 'dataRow'; length: number; fields: (Buffer | null)[] }): void;
}

const rowCode = 'D'.charCodeAt(0);
/** The code of a message, and its length, which counts itself. */
const headBytes = 5;

/** From now on the parsers of values get byte strings. Must be called before the client connects. */
export function readInBinary(client: Client): void {
  const connection = (client as unknown as { readonly connection: DriverConnection }).connection;
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = (stream) => {
    const rest = new EventEmitter();
    attach(rest);
    const messages = new Messages(connection, rest);
    stream.on('data', (chunk: Buffer) => messages.take(chunk));
    stream.on('end', () => rest.emit('end'));
  };
}

/** What the server sends, message by message. */
class Messages {
  private readonly connection: DriverConnection;
  private readonly rest: EventEmitter;
  /** What has been received of a message that has not come to its end. */
  private chunks: Buffer[] = [];
  private bytes = 0;
  private wanted = headBytes;

  constructor(connection: DriverConnection, rest: EventEmitter) {
    this.connection = connection;
    this.rest = rest;
  }

  take(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes < this.wanted) return;
    const received = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks, this.bytes);
    const end = this.passOn(received);
    this.chunks = end === received.length ? [] : [received.subarray(end)];
    this.bytes = received.length - end;
    this.wanted = this.bytes < headBytes ? headBytes : 1 + received.readUInt32BE(end + 1);
  }

  /** Passes on the messages that are complete, rows as rows and others to the driver; returns where they end. */
  private passOn(received: Buffer): number {
    let from = 0;
    let at = 0;
    const passRest = () => {
      if (at > from) this.rest.emit('data', received.subarray(from, at));
    };
    while (at + headBytes <= received.length) {
      const length = received.readUInt32BE(at + 1);
      const end = at + 1 + length;
      if (end > received.length) break;
      if (received[at] === rowCode) {
        passRest();
        const fields = fieldsOf(received, at + headBytes, end);
        this.connection.emit('dataRow', { name: 'dataRow', length, fields });
        from = end;
      }
      at = end;
    }
    passRest();
    return at;
  }
}

/** Returns the values of a row, in memory of their own: they outlast what was received together with them. */
function fieldsOf(received: Buffer, from: number, to: number): (Buffer | null)[] {
  const row = Buffer.from(received.subarray(from, to));
  const fields: (Buffer | null)[] = Array(row.readInt16BE(0));
  for (let field = 0, at = 2; field < fields.length; field++) {
    const length = row.readInt32BE(at);
    at += 4;
    fields[field] = length < 0 ? null : row.subarray(at, at + length);
    at += Math.max(0, length);
  }
  return fields;
}
