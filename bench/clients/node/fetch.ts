/** Plain `fetch`: a push by PUT and a pull by GET, hashed. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { MiB } from '../../harness/content.ts';
import { turn } from './turn.ts';

await turn(async ({ action, name, path }) => {
  const url = `${process.env.BENCH_HTTP_URL}/v1/sessions/bench/artifacts/${name}`;
  const hash = createHash('sha256');
  async function* hashed(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  }
  if (action === 'push') {
    const body = ReadableStream.from(hashed(createReadStream(path, { highWaterMark: MiB })));
    const response = await fetch(url, { method: 'PUT', body, duplex: 'half' });
    if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
    const { artifact } = (await response.json()) as { artifact: { sha256: string } };
    require(artifact.sha256);
  } else {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
    await pipeline(hashed(response.body!), createWriteStream(path));
    require(/[0-9a-f]{64}/.exec(response.headers.get('etag') ?? '')?.[0]);
  }
  function require(sha256: string | undefined): void {
    const actual = hash.digest('hex');
    if (sha256 !== undefined && actual !== sha256) throw new Error('other bytes have arrived');
  }
});
