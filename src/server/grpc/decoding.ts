/**
 * Limits what grpc-js decodes, and leaves the inflation of a message to its reader. By itself, grpc-js splits all
 * arrived bytes into messages at once, and inflates all of them at once. It keeps the pieces of an incomplete message
 * as they arrived: tiny pieces blocked the event loop for seconds, and took a hundred bytes each. It does not report
 * flags that it does not know, nor a message that is cut at the end.
 */
import { Buffer } from 'node:buffer';
import { ConnectError } from '@connectrpc/connect';
import type { ServerInterceptingCall, ServerInterceptor } from '@grpc/grpc-js';
import { Assembly } from '../messages/assembly.ts';
import { compressedFlag, Envelopes, headBytes } from '../messages/envelopes.ts';
import type { Inflation } from '../messages/inflation.ts';
import { uploadPath } from '../messages/parts.ts';
import { receivedBy } from '../receiving.ts';
import { cutMessage } from '../refusals.ts';
import {
  baseCallOf,
  decoderOf,
  encodingOf,
  handOverWhole,
  onceAllHasCome,
  streamBelow,
} from './internals.ts';
import { statusOf } from './status.ts';

/** After this number of pieces, the pieces of a message are joined to one. */
const piecesMax = 256;

/** The body of one call. */
interface Incoming {
  readonly envelopes: Envelopes;
  /** The reason why the call was refused for its body. */
  refused: ConnectError | undefined;
}

const bodies = new WeakMap<object, Incoming>();

/** Looks at the messages of each call before they are decoded, and joins small pieces of large ones. */
export function boundDecoding(messageBytesMax: number): ServerInterceptor {
  return (method, call) => {
    const decoder = decoderOf(call);
    const write = decoder.write.bind(decoder);
    const encoding = encodingOf(call) === 'gzip' ? 'gzip' : 'identity';
    const envelopes = new Envelopes({ messageBytesMax, encoding, flags: compressedFlag });
    const body: Incoming = { envelopes, refused: undefined };
    bodies.set(call, body);
    const refuse = (error: unknown) => {
      if (!(error instanceof ConnectError)) throw error;
      body.refused = error;
      call.sendStatus(statusOf(error));
    };
    // The messages of uploads are large, and many uploads may stop within one.
    const assembly = method.path === uploadPath ? new Assembly() : undefined;
    const stream = streamBelow(call);
    const received = receivedBy(stream);
    if (received !== undefined)
      received.refuse = (error) => {
        decoder.readPartialMessage.length = 0;
        assembly?.drop();
        // The call may have been answered meanwhile.
        if (!stream.destroyed && !stream.writableEnded) refuse(error);
      };
    let joined = 0;
    decoder.write = (data) => {
      // Bytes after a refusal are ignored.
      if (body.refused !== undefined) return [];
      try {
        envelopes.take(data);
      } catch (error) {
        refuse(error);
        return [];
      }
      if (assembly !== undefined) {
        const taken = assembly.take(data);
        const part = received?.isPressed === true ? assembly.takePart() : undefined;
        return part === undefined ? taken : [...taken, part];
      }
      const messages = write(data);
      const { readPartialMessage: pieces } = decoder;
      if (pieces.length < joined) joined = 0;
      if (pieces.length - joined >= piecesMax)
        pieces.splice(joined++, piecesMax, Buffer.concat(pieces.slice(joined - 1)));
      return messages;
    };
    handOverWhole(call);
    onceAllHasCome(call, () => {
      if (body.refused !== undefined) return false;
      if (envelopes.isWithin) refuse(cutMessage());
      return body.refused === undefined;
    });
    // The class adds nothing that the server uses to the interface that the base call implements.
    return call as unknown as ServerInterceptingCall;
  };
}

/** Returns why a call was refused for its body. */
export function refusedBody(call: object): ConnectError | undefined {
  return bodies.get(baseCallOf(call))?.refused;
}

/** Returns the bytes of a message, which arrives with its head. @throws ConnectError if it cannot be inflated. */
export function openMessage(call: object, message: Buffer, inflation: Inflation): Buffer | Promise<Buffer> {
  const bytes = message.subarray(headBytes);
  return message[0] === compressedFlag ? inflate(call, bytes, inflation) : bytes;
}

async function inflate(call: object, bytes: Buffer, inflation: Inflation): Promise<Buffer> {
  const inflated = await inflation.inflate(bytes);
  bodies.get(baseCallOf(call))!.envelopes.inflated(bytes.length, inflated.length);
  return inflated;
}
