/** WatchSession: the events of a session as messages. */
import { create, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type WatchSessionRequest, WatchSessionResponseSchema } from '../../../gen/artifacta/v1/watch_pb.ts';
import { parseSessionId } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { WatchEvent, WatchRequest } from '../../store/watch/watches.ts';
import type { Call } from '../handlers.ts';
import { toArtifactMessage, toSessionMessage } from '../messages.ts';
import { parseSize } from '../parse.ts';
import { share } from '../shared-messages.ts';

/** Follows a session; see {@link Watches.watch}. */
export type Watch = (by: Principal, request: WatchRequest, signal: AbortSignal) => AsyncIterable<WatchEvent>;

type Message = MessageShape<typeof WatchSessionResponseSchema>;

/** Answers WatchSession: the events so far, then the new ones, until the session is sealed or the call ends. */
export async function* watchSession(
  watch: Watch,
  request: WatchSessionRequest,
  call: Call,
): AsyncIterable<Message> {
  const wanted = {
    session: parseSessionId('session', request.session),
    after: parseSize('after_sequence', request.afterSequence),
    sealOnly: request.sealOnly,
    waitForOpen: request.waitForOpen,
  };
  for await (const event of watch(call.principal, wanted, call.signal)) yield toMessage(event);
}

/** All watchers of a session get the same events: each event is made into a message once. */
const messages = new WeakMap<WatchEvent, Message>();

function toMessage(event: WatchEvent): Message {
  const made = messages.get(event) ?? share(messageOf(event));
  messages.set(event, made);
  return made;
}

function messageOf({ sequence, time, what }: WatchEvent): Message {
  return create(WatchSessionResponseSchema, {
    sequence: BigInt(sequence),
    ...(time === undefined ? {} : { time: timestampFromMs(time) }),
    event: toEvent(what),
  });
}

function toEvent(
  what: WatchEvent['what'],
): NonNullable<MessageInitShape<typeof WatchSessionResponseSchema>['event']> {
  switch (what.kind) {
    case 'committed':
      return { case: 'committed', value: toArtifactMessage(what.artifact) };
    case 'deleted':
      return { case: 'deleted', value: { artifactId: what.id } };
    case 'sealed':
      return { case: 'sealed', value: toSessionMessage(what.session) };
    case 'heartbeat':
      return { case: 'heartbeat', value: {} };
  }
}
