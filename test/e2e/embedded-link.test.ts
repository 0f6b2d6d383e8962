/** How a command looks for the store again when the way to it has ended. */
import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import type { Connection, Io } from '../../src/cli/io.ts';
import { connect } from '../../src/client/client.ts';
import { Link } from '../../src/client/wire/link.ts';

/** Refuses every call as a process does that leaves. */
function leaving(): Connection {
  const transport = createRouterTransport((router) => {
    router.service(ArtifactService, {
      getArtifact: () => {
        throw new ConnectError('gone', Code.Unavailable);
      },
    });
  });
  return { transport, description: 'leaving', close: async () => {} };
}

function staying(): Connection {
  const transport = createRouterTransport((router) => {
    router.service(ArtifactService, {
      getArtifact: () => {
        throw new ConnectError('it answers', Code.NotFound);
      },
    });
  });
  return { transport, description: 'staying', close: async () => {} };
}

/** Calls once through a link whose ways are these, one after another; the last one again and again. */
async function callBy(ways: readonly Connection[]) {
  let opened = 0;
  const io = {
    connect: async () => ways[Math.min(opened++, ways.length - 1)]!,
  } as Partial<Io> as Io;
  await using link = await Link.open(() => io.connect({}, () => undefined));
  const retry = { delayMsFirst: 1, random: () => 0, beforeRetry: link.renew.bind(link) };
  const error = await (await connect(link.transport, { retry })).get('art_x').catch((thrown) => thrown);
  return { code: error.code as string, opened };
}

const passing = (connection: Connection): Connection => ({ ...connection, passes: true });

describe('a call that meets processes which leave', () => {
  it('goes on to the next, past as many as there are tries', async () => {
    const ways = [...Array.from({ length: 12 }, () => passing(leaving())), passing(staying())];
    expect(await callBy(ways)).toEqual({ code: 'NOT_FOUND', opened: 13 });
  });

  it('goes on to a store that this process opens itself', async () => {
    expect(await callBy([passing(leaving()), staying()])).toEqual({ code: 'NOT_FOUND', opened: 2 });
  });

  it('does not go on for ever', async () => {
    const { code, opened } = await callBy([passing(leaving())]);
    expect(code).toBe('UNAVAILABLE');
    expect(opened).toBeLessThan(300);
  });
});

it('a service that was named is tried as often as any client tries', async () => {
  expect(await callBy([leaving()])).toEqual({ code: 'UNAVAILABLE', opened: 6 });
});
