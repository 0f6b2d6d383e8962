/** The same artifact by other means: lines to copy. */
import { useState } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { shellWord } from '../base/format.ts';
import { contentPath } from '../calls/clients.ts';
import { token } from '../calls/token.ts';
import { Line } from '../parts/marks.tsx';

const ways = ['command line', 'curl', 'Python'] as const;

function textOf(way: (typeof ways)[number], { id, name }: Artifact): string {
  const file = shellWord(name.split('/').at(-1) ?? 'artifact');
  const isKnown = token.value !== '';
  switch (way) {
    case 'command line':
      return `artifacta pull ${id} --to ${file}`;
    case 'curl': {
      const header = isKnown ? '-H "Authorization: Bearer $ARTIFACTA_TOKEN" ' : '';
      return `curl -f ${header}-o ${file} ${location.origin}${contentPath(id)}`;
    }
    case 'Python': {
      // As on the command line, the environment says where the service is.
      const to = JSON.stringify(name.split('/').at(-1) ?? 'artifact');
      return `from artifacta_client import connect; connect().pull("${id}", ${to})`;
    }
  }
}

/** The lines. */
export function CopyAs({ artifact }: { artifact: Artifact }) {
  const [way, choose] = useState<(typeof ways)[number]>('command line');
  return (
    <>
      <div class="tabs">
        {ways.map((one) => (
          <button
            type="button"
            class="small"
            key={one}
            aria-pressed={one === way}
            onClick={() => choose(one)}
          >
            {one}
          </button>
        ))}
      </div>
      <Line text={textOf(way, artifact)} />
    </>
  );
}
