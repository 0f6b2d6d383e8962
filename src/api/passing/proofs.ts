/**
 * The proofs of replicas: that a call comes from one, and that its answer does. Both know a secret, which never crosses
 * the network: each proof is a MAC over what it proves. See docs/decisions/0067-passed-on.md.
 */
import { Buffer } from 'node:buffer';
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import { principalOf, principalText } from './principals.ts';

/** The headers of a call from a replica. Every listener but that for replicas ignores them. */
const proofHeader = 'artifacta-replica';
const principalHeader = 'artifacta-principal';
/** The trailer of its answer. */
const answerTrailer = 'artifacta-replica-answer';

/** The form of the proofs, their first word. */
const form = '1';

/** The longest time between the clocks of two replicas, together with the way of a call, in milliseconds. */
const clockMsMax = 60_000;

/** How far a call had come when it was answered: `refused` before its handler had begun. */
export type Progress = 'refused' | 'begun';

/** The part of a call that its proof covers. */
interface Proven {
  /** `artifacta.v1.SessionService/SealSession` */
  readonly method: string;
  /** The address that is called, as all replicas write it: a proof is good for one replica. */
  readonly address: string;
  /** By the wall clock, in milliseconds since the Unix epoch. */
  readonly time: number;
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
   * Adds the proof of a call to its headers.
   *
   * @returns a function that returns how far the call had come, from the trailers of its answer; undefined if no replica
   * gave that answer.
   */
  prove(headers: Headers, principal: Principal, call: Proven): (trailers: Headers) => Progress | undefined {
    const text = principalText(principal);
    const nonce = randomBytes(16).toString('base64url');
    headers.set(principalHeader, text);
    headers.set(proofHeader, [form, call.time, nonce, this.callMac(call, nonce, text)].join(' '));
    return (trailers) => {
      const [progress, mac = ''] = (trailers.get(answerTrailer) ?? '').split(' ');
      if (progress !== 'refused' && progress !== 'begun') return undefined;
      return isSame(mac, this.answerMac(nonce, progress)) ? progress : undefined;
    };
  }

  /** Checks the proof of a call. @throws Failure UNAUTHENTICATED. */
  check(headers: Headers, { method, address, time: now }: Proven): ReplicaCall {
    const [said, time = '', nonce = '', mac = ''] = (headers.get(proofHeader) ?? '').split(' ');
    const text = headers.get(principalHeader) ?? '';
    if (said !== form || !/^\d{1,16}$/.test(time) || nonce === '') throw refused();
    const call = { method, address, time: Number(time) };
    if (!isSame(mac, this.callMac(call, nonce, text))) throw refused();
    if (Math.abs(now - call.time) > clockMsMax)
      throw new Failure(
        'UNAUTHENTICATED',
        `the clocks of two replicas differ by more than ${clockMsMax / 1000} s: set them`,
      );
    const answer = (progress: Progress) =>
      [answerTrailer, `${progress} ${this.answerMac(nonce, progress)}`] as const;
    return { principal: principalOf(text), answer };
  }

  private callMac({ method, address, time }: Proven, nonce: string, principal: string): string {
    return this.mac('call', method, address, String(time), nonce, principal);
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
