/** Headers that say who calls and for whom, with what grpc-js would drop: no call is made by somebody else for it. */
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { closeChecked } from '../../support/service.ts';
import { openHttpRig } from '../http/listeners.ts';
import { framed, openRawConnection } from './raw-call.ts';

const path = '/artifacta.v1.SessionService/ListSessions';

const odd = ['t\u00f6', '\u0080', 'a\tb', '\u00e4\u00f6\u00fc'];

it.each([
  ['authorization', 'Bearer ', '16'],
  ['artifacta-namespace', '', '3'],
])('%s is refused as over HTTP', async (name, before, code) => {
  const rig = await openHttpRig();
  onTestFinished(() => closeChecked(rig));
  await using raw = await openRawConnection(rig.server.addresses.grpc);
  for (const value of odd) {
    const stream = raw.call(path, { [name]: `${before}${value}` });
    let answer: Record<string, unknown> = {};
    const take = (found: object) => {
      answer = { ...answer, ...found };
    };
    stream.on('response', take).on('trailers', take).resume();
    stream.end(framed(new Uint8Array()));
    await once(stream, 'close');
    expect({ value, status: answer['grpc-status'] }).toEqual({ value, status: code });
    const spoken = await fetch(`${rig.url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        [name]: `${before}${value}`,
      },
      body: '{}',
    });
    expect({ value, status: spoken.status }).toEqual({ value, status: code === '16' ? 401 : 400 });
  }
});
