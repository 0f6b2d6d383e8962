/** The skill that the server serves: how to hand over work. */
import { type SkillSource, SkillsExtension, skillEntry } from '@modelcontextprotocol/server/ext/skills';

const text = `---
name: hand-over-work
description: Hand over results to another agent or to a person through Artifacta, and pick up what others produced. Use it when work produces files, when a task depends on another agent's results, or when a run has failed.
---

# Hand over work

## Produce

1. Push each result when it is complete, by \`path\` if you have a file, by \`ticket\` if a program has the bytes. Text is for short notes only.
2. Give metadata that the next agent can filter by: \`{"agent": "...", "step": "..."}\`. Give \`inputs\`: the ids of the artifacts that you used.
3. Write a short \`summary.md\`: what was done, what is missing, and the ids of the main artifacts.
4. Call \`seal_session\`: \`succeeded\` when everything is complete, \`failed\` when it is not. Nothing can be added afterwards.
5. Tell the next agent the session id, and nothing else. Do not paste contents.

## Pick up

1. Call \`wait_session\` with the session id until it answers \`sealed: true\`. Look at \`outcome\`.
2. Call \`query\` with the session. Filter by name, content type or metadata.
3. Call \`read\` for pieces: \`head\`, \`grep\`, \`csv\` rows, a \`json_pointer\`. Stop following \`next_cursor\` when you have what you need.
4. Call \`pull\` for whole files that a program processes. Never read a large file to the end.

## After a failure

1. Call \`sessions\` with a filter, e.g. \`session.outcome = "FAILED"\`, and for the last good run with \`"SUCCEEDED"\`.
2. Call \`compare\` with the good session as \`base\`. Read both sides of the names with other content.
3. Call \`lineage\` on a wrong artifact, with a depth, to find the input that was wrong first.

## When something is refused

- \`SESSION_SEALED\`: open another session and name it. A sealed one stays as it is.
- A path is refused: only files below the allowed directories can be pushed and pulled; \`whoami\` lists them.
- Text is too long: write it to a file and push the path.
`;

const name = 'hand-over-work';
const uri = `skill://${name}/SKILL.md`;
const mimeType = 'text/markdown';
const hint = { ttlMs: 3_600_000, cacheScope: 'public' as const };

let made: ReturnType<typeof skillEntry> | undefined;

/** The entry has digests, which a server that is only asked for its tools need not compute. */
function entry(): ReturnType<typeof skillEntry> {
  made ??= skillEntry(name, { 'SKILL.md': text });
  return made;
}

const source: SkillSource = {
  list: async () => ({ skills: [await entry()] }),
  get: async (wanted) => (wanted === uri ? await entry() : undefined),
  read: async (wanted) => (wanted === uri ? { text, mimeType } : undefined),
  listResources: async () => {
    const { description } = (await entry()).frontmatter;
    return [{ uri, name, description: String(description), mimeType }];
  },
};

/** The extension that serves the skill, for any number of servers. */
export const skills = new SkillsExtension({ source, cacheHint: hint });
