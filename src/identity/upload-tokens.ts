/**
 * Direct uploads as signed texts: JWTs (RFC 7519) signed with HMAC-SHA-256 under a key of the store. Everything that the
 * end of an upload needs is in its token, so that nothing is stored for it. The type tells these tokens apart from
 * others that are signed with the same key.
 */
import { jwtVerify, SignJWT } from 'jose';
import { invalid } from '../domain/errors.ts';
import type { Principal } from '../domain/principal.ts';

/** A direct upload that was begun. */
interface BegunUpload {
  /** The description of the artifact, in a form that its reader knows. */
  readonly target: string;
  /** The physical name. */
  readonly name: string;
  /** Milliseconds since the Unix epoch; its reader knows the meaning. */
  readonly awaitedUntil: number;
}

interface UploadClaims {
  readonly ns: string;
  readonly target: string;
  readonly name: string;
  readonly awaited: number;
}

const type = 'artifacta-upload+jwt';

/** Issues and verifies the tokens of direct uploads under one key. */
export class UploadTokens {
  private readonly key: Uint8Array;
  private readonly now: () => number;

  /** @param key at least 32 bytes. @param now milliseconds since the Unix epoch. */
  constructor(key: Uint8Array, now: () => number) {
    this.key = key;
    this.now = now;
  }

  /** Returns the token of an upload. @param expireTime milliseconds since the Unix epoch. */
  async issue(
    by: Principal,
    { target, name, awaitedUntil }: BegunUpload,
    expireTime: number,
  ): Promise<string> {
    const claims: UploadClaims = { ns: by.namespace, target, name, awaited: awaitedUntil };
    return await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'HS256', typ: type })
      .setSubject(by.subject)
      .setExpirationTime(expireTime / 1000)
      .sign(this.key);
  }

  /** Returns the upload of a token that was issued to the same caller. @throws Failure INVALID_ARGUMENT. */
  async verify(by: Principal, token: string): Promise<BegunUpload> {
    const verified = await jwtVerify<UploadClaims>(token, this.key, {
      algorithms: ['HS256'],
      typ: type,
      requiredClaims: ['sub', 'exp'],
      currentDate: new Date(this.now()),
    }).catch((error: { code?: string }) => {
      throw notGood(error.code === 'ERR_JWT_EXPIRED' ? 'has ended' : 'is not valid');
    });
    const { ns, sub, exp = 0, target, name, awaited } = verified.payload;
    // The library compares whole seconds.
    if (exp * 1000 <= this.now()) throw notGood('has ended');
    if (ns !== by.namespace || sub !== by.subject) throw notGood('was given to another caller');
    return { target, name, awaitedUntil: awaited };
  }
}

function notGood(why: string) {
  return invalid(
    'upload_token',
    `must be a token of BeginDirectUpload: this one ${why}; begin the upload again`,
  );
}
