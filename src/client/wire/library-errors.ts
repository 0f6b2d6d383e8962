/**
 * The errors that the libraries between client and service report, in words. Every answer of the service carries a
 * reason; an error without one was made on the way, and the text of a library helps only its authors.
 */
import { Code, type ConnectError } from '@connectrpc/connect';

/**
 * The meaning of such an error.
 *
 * - `lost`: no connection was made, or it was lost; the same call may succeed later.
 * - `foreign`: something other than the service answers, or the service answers by another protocol.
 * - `distrust`: the certificate of the service is not trusted.
 * - `refused`: something in front of the service refused, e.g. a proxy.
 * - `unsendable`: a field of the request has a value that no message can carry; nothing was sent.
 */
export type Judgement =
  | {
      readonly kind: 'lost' | 'foreign' | 'distrust' | 'refused';
      /** In English, without a full stop. */
      readonly message: string;
    }
  | {
      readonly kind: 'unsendable';
      readonly message: string;
      /** The field, as the proto files write it. */
      readonly field: string;
      readonly description: string;
    };

/** Judges an error. @returns undefined for any other error, e.g. an error of the caller's own. */
export function judge(error: ConnectError): Judgement | undefined {
  const codes = causes(error).map((cause) => String((cause as { code?: unknown }).code));
  const distrust = codes.find((code) => distrustCodes.test(code));
  if (distrust !== undefined)
    return { kind: 'distrust', message: `the certificate of the service is not trusted: ${distrust}` };
  const unsendable = judgeUnsendable(error.rawMessage);
  if (unsendable !== undefined) return unsendable;
  const status = /^HTTP (\d{3})$/.exec(error.rawMessage)?.[1];
  if (status !== undefined) return judgeStatus(status);
  const seen = foreignSigns.find(([sign]) => textsOf(error).some((text) => sign.test(text)))?.[1];
  if (seen !== undefined) return { kind: 'foreign', message: `${notOurs}: ${seen}` };
  if (!isLost(error, codes)) return undefined;
  const known = codes.map((code) => lostWords[code]).find((words) => words !== undefined);
  return { kind: 'lost', message: `no connection: ${known ?? 'it was lost'}${placeOf(error)}` };
}

const notOurs =
  'the server at this address is not an Artifacta service, or does not use the protocol of the URL';

function judgeUnsendable(text: string): Judgement | undefined {
  const found = /cannot encode field [\w.]*?(\w+) to (?:binary|JSON): (?:invalid |expected )?(.*)/s.exec(
    text,
  );
  if (found === null) return undefined;
  const [, field = '', rest = ''] = found;
  const type = /^u?int(32|64)/.exec(rest)?.[1];
  const wanted = /expected ([^,:]+)/.exec(text)?.[1];
  const ofType = wanted === undefined ? 'has a value of the wrong type' : `must be of the type ${wanted}`;
  const description = type === undefined ? ofType : `must be a whole number of ${type} bits`;
  return { kind: 'unsendable', field, description, message: `${field}: ${description}` };
}

function judgeStatus(status: string): Judgement {
  if (['429', '502', '503', '504'].includes(status))
    return {
      kind: 'lost',
      message: `no connection: something in front of the service answers HTTP ${status}`,
    };
  if (['401', '403', '407', '408', '411', '413', '414', '431'].includes(status))
    return { kind: 'refused', message: `something in front of the service refused: HTTP ${status}` };
  return { kind: 'foreign', message: `${notOurs}: it answers HTTP ${status}` };
}

/** Texts which show that something other than the service answers. */
const foreignSigns: readonly (readonly [RegExp, string])[] = [
  [/^Parse Error/, 'it does not speak HTTP/1.1'],
  [/wrong version number|packet length too long|EPROTO/, 'it does not speak TLS'],
  [/^Protocol error$|no application protocol/, 'it does not speak HTTP/2'],
  [/^unsupported content type/, 'its answer does not follow the protocol'],
  [
    /^(premature|parse binary|cannot decode|protocol error: (?!missing)|invalid )/,
    'its answer cannot be read',
  ],
  [/is larger than configured readMaxBytes/, 'its answer cannot be read'],
];

const distrustCodes = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_)/;

const connectionCodes =
  /^(E(CONN|PIPE|NOENT|TIMEDOUT|NOTFOUND|AI_AGAIN|HOST|NET)|ERR_HTTP2_|ERR_STREAM_|ERR_TLS|UND_ERR)/;

const fetchWords = /fetch|network|load failed|terminated/i;

const lostWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the host does not answer',
  ERR_FETCH_FAILED: 'the service cannot be reached, or does not allow pages of this origin',
  ENOENT: 'the socket does not exist',
  EACCES: 'the socket cannot be used: permission denied',
};

/** Whether the connection was lost. Libraries have many names for this; the retry must not depend on which. */
function isLost(error: ConnectError, codes: readonly string[]): boolean {
  if (error.code === Code.Unavailable || error.code === Code.Aborted || error.code === Code.Canceled)
    return true;
  if (error.code !== Code.Internal && error.code !== Code.Unknown) return false;
  if (/missing (status|EndStreamResponse)|stream closed with|socket hang up/i.test(error.rawMessage))
    return true;
  // Browsers report an answer that breaks off in words of their own.
  if (causes(error).some((cause) => cause instanceof TypeError && fetchWords.test(cause.message)))
    return true;
  return codes.some((code) => connectionCodes.test(code));
}

/** Returns the address of the call: ` (127.0.0.1:50051)`. Empty: it is unknown. */
function placeOf(error: ConnectError): string {
  for (const cause of causes(error)) {
    const { address, hostname, port } = cause as { address?: unknown; hostname?: unknown; port?: unknown };
    const host = address ?? hostname;
    if (typeof host === 'string') return port === undefined ? ` (${host})` : ` (${host}:${String(port)})`;
  }
  return '';
}

function textsOf(error: ConnectError): string[] {
  const own = (cause: object) => (cause === error ? error.rawMessage : String((cause as Error).message));
  return causes(error).map(own);
}

function causes(error: unknown): object[] {
  const found: object[] = [];
  for (let at = error; typeof at === 'object' && at !== null && found.length < 8; ) {
    found.push(at);
    at = at instanceof AggregateError ? at.errors[0] : (at as { cause?: unknown }).cause;
  }
  return found;
}
