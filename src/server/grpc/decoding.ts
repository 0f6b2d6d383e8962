/**
 * Bounds what grpc-js decodes. It takes all messages of what has come apart at once, and keeps the pieces of one that is
 * not complete as they came: tiny ones held the event loop for seconds, and took a hundred bytes for one.
 */
import { Buffer } from 'node:buffer';
import type { ServerInterceptingCall, ServerInterceptor } from '@grpc/grpc-js';
import { Envelopes, messagesTooSmallText } from '../envelopes.ts';
import { decoderOf } from './internals.ts';

/** So many pieces of a message are joined to one. */
const piecesMax = 256;

/** Counts the messages of each call before they are decoded, and joins small pieces of large ones. */
export const boundDecoding: ServerInterceptor = (_method, call) => {
  const decoder = decoderOf(call);
  const write = decoder.write.bind(decoder);
  const envelopes = new Envelopes();
  let isRefused = false;
  let joined = 0;
  decoder.write = (data) => {
    try {
      // What comes after the refusal is not looked at any more.
      if (!isRefused) envelopes.take(data);
    } catch {
      isRefused = true;
    }
    if (isRefused) throw new Error(messagesTooSmallText);
    const messages = write(data);
    const { readPartialMessage: pieces } = decoder;
    if (pieces.length < joined) joined = 0;
    if (pieces.length - joined >= piecesMax)
      pieces.splice(joined++, piecesMax, Buffer.concat(pieces.slice(joined - 1)));
    return messages;
  };
  // The class adds nothing that the server uses to the interface that the base call implements.
  return call as unknown as ServerInterceptingCall;
};
