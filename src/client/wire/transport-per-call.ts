/** A transport of the library for each call, so that the stream of a call ends with the call. */
import type { Interceptor, Transport } from '@connectrpc/connect';
import type { GrpcTransportOptions } from '@connectrpc/connect-node';
import type { Sessions } from './http2-session.ts';

type PerCall = Required<Pick<GrpcTransportOptions, 'sessionManager' | 'interceptors'>>;

/**
 * Returns a transport that ends the stream of a call with the call. The library does not tell a session which call a
 * stream is for, nor when the call is over. So each call has a transport of its own, which costs a few microseconds.
 */
export function transportPerCall(
  sessions: Pick<Sessions, 'authority' | 'request' | 'notifyResponseByteRead'>,
  make: (perCall: PerCall) => Transport,
): Transport {
  const forOneCall = () => {
    const ended = Promise.withResolvers<AbortSignal>();
    const noting: Interceptor = (next) => (request) => {
      // Aborted when the call is over, however it ends.
      ended.resolve(request.signal);
      return next(request);
    };
    const sessionManager: PerCall['sessionManager'] = {
      authority: sessions.authority,
      request: async (method, path, headers, options) =>
        sessions.request(method, path, headers, options, await ended.promise),
      notifyResponseByteRead: (stream) => sessions.notifyResponseByteRead(stream),
    };
    return make({ sessionManager, interceptors: [noting] });
  };
  return {
    unary: (...call) => forOneCall().unary(...call),
    stream: (...call) => forOneCall().stream(...call),
  };
}
