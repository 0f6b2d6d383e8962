/** What the console is looked at with: runs of several agents, every kind of content, and names that are hostile. */
import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { zipSync } from 'fflate';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { RetentionSchema } from '../../../gen/artifacta/v1/retention_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { openScript, pdf } from './pdf.ts';
import { png } from './png.ts';

/** The calls that make samples. */
export class Samples {
  readonly artifacts: Client<typeof ArtifactService>;
  readonly sessions: Client<typeof SessionService>;

  constructor(transport: Transport) {
    this.artifacts = createClient(ArtifactService, transport);
    this.sessions = createClient(SessionService, transport);
  }

  /** Pushes a small artifact. @returns its id. */
  async push(
    session: string,
    name: string,
    content: string | Uint8Array,
    more: {
      readonly type?: string;
      readonly metadata?: Record<string, string>;
      readonly labels?: Record<string, string>;
      readonly inputs?: string[];
    } = {},
  ): Promise<string> {
    const data = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const { type = '', metadata = {}, labels = {}, inputs = [] } = more;
    const spec = { session, name, contentType: type, metadata, labels, inputs };
    const { artifact } = await this.artifacts.createArtifact({
      spec,
      content: { case: 'data', value: data },
    });
    return artifact!.id;
  }

  async seal(session: string, outcome: SessionOutcome): Promise<void> {
    await this.sessions.sealSession({ session, outcome });
  }
}

/** Names that try to be something else. */
export const hostileNames: readonly string[] = [
  '<img src=x onerror=alert(1)>.txt',
  '"><script>alert(1)<.script>',
  "javascript:alert(1)'.txt",
  'ريدر/ملف-عربي.txt',
  `${'long-'.repeat(50)}/${'x'.repeat(250)}/${'y'.repeat(250)}/${'z'.repeat(200)}.txt`,
  'emoji-😀/👩‍👩‍👧‍👦.txt',
];

/** A run that went well, and the one after it that did not. @returns the id of the report of the second. */
export async function makeRuns(samples: Samples): Promise<string> {
  const metadata = { pipeline: 'billing', agent: 'planner' };
  const retention = create(RetentionSchema, { failedTtl: { seconds: 604_800n, nanos: 0 } });
  for (const session of ['billing_1', 'billing_2'])
    await samples.sessions.openSession({
      session,
      metadata,
      retention,
      expectedOutputs: ['report.json', 'invoices.csv', 'summary.md'],
    });
  const good = {
    total: 42,
    currency: 'EUR',
    rows: [
      { id: 1, sum: 12.5 },
      { id: 2, sum: 29.5 },
    ],
  };
  const raw = await samples.push('billing_1', 'invoices.csv', 'id,customer,sum\n1,Ada,12.5\n2,Bob,29.5\n', {
    metadata: { agent: 'reader' },
  });
  await samples.push('billing_1', 'report.json', JSON.stringify(good, undefined, 2), {
    inputs: [raw],
    metadata: { agent: 'writer' },
  });
  await samples.push('billing_1', 'summary.md', '# Billing\n\nAll **42** euros are there.\n');
  await samples.seal('billing_1', SessionOutcome.SUCCEEDED);
  const second = await samples.push(
    'billing_2',
    'invoices.csv',
    'id,customer,sum\n1,Ada,12.5\n2,Bob,-29.5\n',
    {
      metadata: { agent: 'reader' },
    },
  );
  await samples.push('billing_2', 'steps/4-validate.log', logText, {
    metadata: { agent: 'validator' },
    labels: { status: 'failed' },
    inputs: [second],
  });
  const wrong = {
    ...good,
    total: -17,
    rows: [
      { id: 1, sum: 12.5 },
      { id: 2, sum: -29.5 },
    ],
  };
  const report = await samples.push('billing_2', 'report.json', JSON.stringify(wrong, undefined, 2), {
    inputs: [second],
    metadata: { agent: 'writer' },
  });
  await samples.seal('billing_2', SessionOutcome.FAILED);
  await samples.sessions.openSession({
    session: 'billing_2.1',
    metadata: { parent: 'billing_2', agent: 'validator' },
  });
  await samples.push('billing_2.1', 'notes.txt', 'a run within a run\n');
  return report;
}

const logText = [
  '\x1b[32mINFO\x1b[0m reading 2 invoices',
  '\x1b[33mWARN\x1b[0m invoice 2 has a negative sum',
  '\x1b[1;31mERROR\x1b[0m step 4 of 7 failed: total -17 is below 0',
  'Traceback (most recent call last):',
  '  File "validate.py", line 12, in check',
  'ValueError: total -17 is below 0',
  '',
].join('\n');

/** Hostile documents: what they try must not happen. `leaked` would be set on the page. */
const hostileText = '<img src=x onerror="window.leaked=1"><script>window.leaked=1</script>';

/** One artifact of every kind. @returns ids by kind. */
export async function makeKinds(samples: Samples): Promise<Readonly<Record<string, string>>> {
  await samples.sessions.openSession({
    session: 'kinds',
    metadata: { pipeline: 'kinds' },
    lease: { seconds: 3_600n, nanos: 0 },
    expectedOutputs: ['never-made.txt'],
  });
  const ids: Record<string, string> = {};
  const add = async (kind: string, name: string, content: string | Uint8Array, type = '') => {
    ids[kind] = await samples.push('kinds', name, content, { type, metadata: { agent: 'maker' } });
  };
  await add(
    'text',
    'server.log',
    Array.from({ length: 5_000 }, (_, at) => `line ${at + 1} of the log`).join('\n'),
  );
  await add('ansi', 'colour.log', logText);
  await add(
    'json',
    'deep.json',
    JSON.stringify({
      a: { b: [1, 2, { 'c/d~': hostileText }] },
      list: Array.from({ length: 900 }, (_, at) => at),
    }),
  );
  await add('lines', 'transcript.jsonl', transcript);
  await add(
    'csv',
    'table.csv',
    `id,name,when,note\n${Array.from({ length: 2_000 }, (_, at) => `${at},name ${at},2026-01-02,"a ""quoted"", note"`).join('\n')}\n`,
  );
  await add(
    'wide',
    'wide.csv',
    `${Array.from({ length: 1_000 }, (_, at) => `c${at}`).join(',')}\n${Array.from({ length: 1_000 }, (_, at) => at).join(',')}\n`,
  );
  await add('markdown', 'notes.md', markdown);
  await add('png', 'plot.png', png(320, 200));
  await add('bomb', 'bomb.png', png(320, 200, { width: 60_000, height: 60_000 }));
  await add(
    'svg',
    'drawing.svg',
    `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="80"><script>window.parent.leaked=1</script><rect width="200" height="80" fill="teal"/><text x="20" y="45" fill="white">drawn</text></svg>`,
  );
  await add('html', 'page.html', `<!doctype html><title>x</title>${hostileText}`, 'text/html');
  await add('notebook', 'study.ipynb', notebook, 'application/x-ipynb+json');
  await add('patch', 'change.patch', '--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n');
  await add(
    'zip',
    'bundle.zip',
    zipSync({ 'a.txt': new TextEncoder().encode('a'), 'dir/b.txt': new Uint8Array(5_000) }),
  );
  await add('hex', 'blob.bin', randomBytes(20_000));
  await add(
    'pdf',
    'paper.pdf',
    pdf([{ text: 'A paper' }, { text: 'Its end' }], { catalog: openScript }),
    'application/pdf',
  );
  await add('source', 'check.py', sourceText, 'text/x-python');
  await add('empty', 'empty.txt', '');
  for (const name of hostileNames)
    await samples.push('kinds', name, hostileText, {
      metadata: { agent: hostileText.slice(0, 60), note: '\u202eright to left', 'a.b:c/d@e': '<i>value' },
    });
  return ids;
}

const sourceText = `"""Checks invoices."""
import csv


def check(path: str) -> float:
    # ${hostileText}
    with open(path) as file:
        return sum(float(row['sum']) for row in csv.DictReader(file))
`;

const transcript = [
  { role: 'user', content: 'Check the invoices.' },
  {
    role: 'assistant',
    content: [
      { type: 'text', text: `I look at the sums. ${hostileText}` },
      { type: 'tool_use', name: 'read_csv', input: { path: 'invoices.csv' } },
    ],
  },
  { role: 'tool', content: [{ type: 'tool_result', content: 'id,sum\n1,12.5' }] },
  { event: 'no message', value: [1, 2, 3] },
]
  .map((line) => JSON.stringify(line))
  .join('\n');

const markdown = `# Notes on the run

Some **bold**, *italic* and \`code\`, a [link](https://example.org/) and a [bad one](javascript:alert(1)).

| step | result |
| --- | --- |
| 1 | good |
| 4 | **failed** |

- [x] read
- [ ] written
  1. deeper

> quoted

\`\`\`python
print("hello")
\`\`\`

![an image](https://tracker.example/pixel.png)

${hostileText}
`;

const notebook = JSON.stringify({
  cells: [
    { cell_type: 'markdown', source: ['# A study\n', 'of *sums*'] },
    {
      cell_type: 'code',
      execution_count: 1,
      source: 'print(1 + 1)',
      outputs: [
        { output_type: 'stream', text: ['2\n'] },
        { output_type: 'display_data', data: { 'text/html': hostileText, 'text/plain': 'plain' } },
      ],
    },
  ],
  nbformat: 4,
});

/** Pushes this many artifacts into a session, several at a time. @param first the number of the first one. */
export async function makeMany(samples: Samples, session: string, count: number, first = 0): Promise<void> {
  await samples.sessions.openSession({ session, metadata: { pipeline: 'many' } });
  let next = first;
  const pusher = async () => {
    while (next < first + count) {
      const at = next++;
      const name = `batch-${String(at % 100).padStart(2, '0')}/item-${String(at).padStart(5, '0')}.txt`;
      await samples.push(session, name, `item ${at}\n`, { metadata: { agent: `agent-${at % 7}` } });
    }
  };
  await Promise.all(Array.from({ length: 48 }, pusher));
}
