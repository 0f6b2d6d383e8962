/** An issuer of JWTs: keys, a server for the public one, and tokens. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

export const issuer = 'https://login.example.org';

interface Issuer extends Disposable {
  /** Where its public key is. */
  readonly keysUrl: string;
  /** Signs a token of five minutes, or as long as is said, for an audience. */
  sign(audience: string, claims?: JWTPayload, lasts?: string): Promise<string>;
}

/** Starts an issuer. Another one, with the same name, has other keys. */
export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const body = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] });
  const server = createServer((_request, response) => response.end(body));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    keysUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    sign: (audience, claims = {}, lasts = '5 minutes') =>
      new SignJWT({ iss: issuer, aud: audience, sub: 'somebody', scope: 'read write', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuedAt()
        .setExpirationTime(lasts)
        .sign(privateKey),
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
