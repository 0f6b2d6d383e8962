/** The client for Node, as the package has it. */
import { createReadStream } from 'node:fs';
import { connect } from '../../../src/client/client.ts';
import { fileContent } from '../../../src/client/published.ts';
import { MiB } from '../../harness/content.ts';
import { turn } from './turn.ts';

await turn(async ({ action, name, path }) => {
  const spec = { session: 'bench', name };
  await using store = await connect(process.env.ARTIFACTA_URL!);
  if (action === 'pull') await store.pull(spec, path);
  else if (action === 'push') await store.push(await fileContent(path), spec);
  else await store.push(createReadStream(path, { highWaterMark: MiB }), spec);
});
