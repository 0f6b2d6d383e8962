/** The scenario by the client for Node. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compressionGzip, createGrpcTransport } from '@connectrpc/connect-node';
import type { ArtifactaClient } from '../../src/client/client.ts';
import { nodePlatform } from '../../src/client/wire/node-platform.ts';
import { connect } from '../../src/programs/library/published.ts';
import { runScenario } from './scenario.ts';

const { env } = process;
const urls = { service: env.ARTIFACTA_URL, older: env.SCENARIO_OLDER_URL, newer: env.SCENARIO_NEWER_URL };

const text = (await readFile(env.SCENARIO_FILE!, 'utf8')).replaceAll('{prefix}', env.SCENARIO_PREFIX!);
await runScenario(text, {
  connect: (which, token) => connect(urls[which], { token }),
  compressing: () => {
    const transport = createGrpcTransport({
      baseUrl: env.ARTIFACTA_URL!.replace(/^grpc:/, 'http:'),
      sendCompression: compressionGzip,
    });
    return connect(transport, { token: env.ARTIFACTA_TOKEN });
  },
  async *pull(store, ref) {
    const path = await (store as ArtifactaClient).pull(ref, join(env.SCENARIO_DIR!, 'pulled'));
    yield* createReadStream(path);
  },
  sha256: nodePlatform.sha256,
  print: (line) => console.log(line),
});
process.exit(0);
