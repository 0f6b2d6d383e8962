/**
 * A client that behaves, in a process of its own: `node canary.ts URL KEY`. It pushes, reads and lists until it is told
 * to end (SIGTERM), and then prints how that went. An empty line before says that it has begun.
 */
const [url = '', key = ''] = process.argv.slice(2);
const headers = { authorization: `Bearer ${key}` };
const times: number[] = [];
const failures: string[] = [];
let isOver = false;

process.once('SIGTERM', () => {
  isOver = true;
});

async function ask(path: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(`${url}${path}`, init);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

async function call(at: number): Promise<void> {
  const body = Buffer.alloc(64 * 1024, at);
  const put = await ask(`/v1/sessions/good/artifacts/n${at % 10}`, { method: 'PUT', headers, body });
  await put.text();
  const got = await ask(put.headers.get('location')!, { headers });
  if (!Buffer.from(await got.arrayBuffer()).equals(body)) throw new Error('other bytes came back');
  const list = await ask('/artifacta.v1.ArtifactService/ListArtifacts', {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ session: 'good' }),
  });
  await list.text();
}

process.stdout.write('\n');
for (let at = 0; !isOver; at++) {
  const began = performance.now();
  try {
    await call(at);
  } catch (error) {
    failures.push(error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error));
  }
  times.push(performance.now() - began);
}
times.sort((a, b) => a - b);
const quantile = (part: number) => Math.round(times[Math.floor(times.length * part)] ?? 0);
process.stdout.write(
  JSON.stringify({ calls: times.length, failures, p50: quantile(0.5), p99: quantile(0.99) }),
);
