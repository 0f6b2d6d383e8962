/**
 * The proofs of replicas: that a call comes from one, and that its answer does. Both know a secret, which never crosses
 * the network: each proof is a MAC over what it proves. See docs/decisions/0067-passed-on.md.
 */
import { Buffer } from 'node:buffer';
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import { principalOf, principalText } from './principals.ts';

/** The headers of a call from a replica. Every listener but that for replicas ignores them. */
const proofHeader = 'artifacta-replica';
const principalHeader = 'artifacta-principal';
/** The trailer of its answer. */
const answerTrailer = 'artifacta-replica-answer';

/** The form of the proofs, their first word. */
const form = '2';

/** The longest time between the clocks of two replicas, together with the way of a call, in milliseconds. */
const clockMsMax = 60_000;

/** How far a call had come when it was answered: `refused` before its handler had begun. */
export type Progress = 'refused' | 'begun';

/** The target of a call. */
interface Target {
  /** `artifacta.v1.SessionService/SealSession` */
  readonly method: string;
  /** The address that is called, as all replicas write it: a proof is good for one replica. */
  readonly address: string;
}

/** What a proof covers. */
interface Proven extends Target {
  /** By the wall clock, in milliseconds since the Unix epoch. */
  readonly time: number;
  /** The bytes of the request. Undefined: they are not known. */
  readonly message: Uint8Array | undefined;
}

/** A call from a replica. */
interface ReplicaCall {
  readonly principal: Principal;
  /** Returns the trailer for an answer. */
  answer(progress: Progress): readonly [name: string, value: string];
}

/** The secret that the replicas of one store share. */
export class ReplicaSecret {
  private readonly secret: Uint8Array;

  /** @param secret at least 32 bytes. */
  constructor(secret: Uint8Array) {
    this.secret = secret;
  }

  /** A text that says whether two secrets are the same, and does not say what they are. */
  get mark(): string {
    return this.mac('mark');
  }

  /**
   * Begins the proof of a call in its headers; {@link seal} ends it.
   *
   * @param time by the wall clock, in milliseconds since the Unix epoch.
   * @returns a function that returns how far the call had come, from the trailers of its answer; undefined if no replica
   * gave that answer.
   */
  prove(headers: Headers, principal: Principal, time: number): (trailers: Headers) => Progress | undefined {
    const nonce = randomBytes(16).toString('base64url');
    headers.set(principalHeader, principalText(principal));
    headers.set(proofHeader, [form, time, nonce].join(' '));
    return (trailers) => {
      const [progress, mac = ''] = (trailers.get(answerTrailer) ?? '').split(' ');
      if (progress !== 'refused' && progress !== 'begun') return undefined;
      return isSame(mac, this.answerMac(nonce, progress)) ? progress : undefined;
    };
  }

  /** Ends the proof of a call, whose bytes are known only when it is sent. @param message the bytes of the request. */
  seal(headers: Headers, target: Target, message: Uint8Array): void {
    const begun = headers.get(proofHeader) ?? '';
    const [, time = '', nonce = ''] = begun.split(' ');
    const mac = this.callMac(target, { time, nonce, principal: headers.get(principalHeader) ?? '' }, message);
    headers.set(proofHeader, `${begun} ${mac}`);
  }

  /** Checks the proof of a call. @throws Failure UNAUTHENTICATED. */
  check(headers: Headers, { method, address, time: now, message }: Proven): ReplicaCall {
    const [said, time = '', nonce = '', mac = ''] = (headers.get(proofHeader) ?? '').split(' ');
    const text = headers.get(principalHeader) ?? '';
    if (said !== form || !/^\d{1,16}$/.test(time) || nonce === '') throw refused();
    if (message === undefined) throw refused();
    if (!isSame(mac, this.callMac({ method, address }, { time, nonce, principal: text }, message)))
      throw refused();
    if (Math.abs(now - Number(time)) > clockMsMax)
      throw new Failure(
        'UNAUTHENTICATED',
        `the clocks of two replicas differ by more than ${clockMsMax / 1000} s: set them`,
      );
    const answer = (progress: Progress) =>
      [answerTrailer, `${progress} ${this.answerMac(nonce, progress)}`] as const;
    return { principal: principalOf(text), answer };
  }

  private callMac(
    { method, address }: Target,
    { time, nonce, principal }: Readonly<Record<'time' | 'nonce' | 'principal', string>>,
    message: Uint8Array,
  ): string {
    const digest = createHash('sha256').update(message).digest('base64url');
    return this.mac('call', method, address, time, nonce, principal, digest);
  }

  private answerMac(nonce: string, progress: Progress): string {
    return this.mac('answer', nonce, progress);
  }

  private mac(...parts: readonly string[]): string {
    const text = JSON.stringify(['artifacta replica', form, ...parts]);
    return createHmac('sha256', this.secret).update(text).digest('base64url');
  }
}

function isSame(said: string, right: string): boolean {
  const [a, b] = [Buffer.from(said), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function refused(): Failure {
  return new Failure(
    'UNAUTHENTICATED',
    'only replicas of this store may call here: they prove it with the secret of --replica-secret-file',
  );
}
