/** The client for Node, as the package has it. */
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { connect, fileContent } from '../../../src/client/published.ts';
import { MiB } from '../../harness/content.ts';
import { turn } from './turn.ts';

await turn(async ({ action, name, path }) => {
  const spec = { session: 'bench', name };
  await using store = await connect(process.env.ARTIFACTA_URL!);
  if (action === 'pull') await pipeline(await store.download(spec), createWriteStream(path));
  else if (action === 'push') await store.push(await fileContent(path), spec);
  else await store.push(createReadStream(path, { highWaterMark: MiB }), spec);
});
