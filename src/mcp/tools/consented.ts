/** Tools for which a person is asked each time: `share`, `revoke_share`, `delete`. */
import { type InputRequiredResult, inputRequired, inputResponse } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { Artifact } from '../../client/artifacts/artifact.ts';
import type { Store } from '../../client/store.ts';
import type { ToolContext } from '../context.ts';
import { artifactBrief, briefArtifact, textOfArtifact } from '../shown.ts';
import { type Call, type Tool, tool } from '../tool.ts';
import { BadArgument } from '../tool-error.ts';

/** A person consents to one version: `latest` could be another one by the time of the answer. */
const exactArtifact = z
  .string()
  .regex(/^art_[0-9a-z]{26}$/, { error: 'must be the id of an artifact (art_ and 26 characters)' })
  .describe('The id (art_…)');

/** The id is a part of the question to the person, so it must not contain words. */
const linkId = z.string().regex(/^lnk_[0-9A-Za-z_-]{1,64}$/, { error: 'must be the id of a link (lnk_…)' });

/** The number of links among which the artifact of a link is looked for: one page of a list. */
const linksLookedAt = 1_000;

const secondsMax = 30 * 24 * 3_600;
const secondsDefault = 24 * 3_600;

/** Returns the tools that were enabled. */
export function consentedTools({ consented = [] }: ToolContext): readonly Tool[] {
  return [
    ...(consented.includes('share') ? [shareTool, revokeTool] : []),
    ...(consented.includes('delete') ? [deleteTool] : []),
  ];
}

const shareTool = tool('share', {
  title: 'Share an artifact',
  description:
    'Makes a link that opens one version of an artifact without credentials, for a limited time. A person is asked first.',
  input: z.strictObject({
    artifact: exactArtifact,
    ttl_seconds: z.number().int().min(1).max(secondsMax).default(secondsDefault).describe('Default: one day'),
  }),
  output: z.object({
    link_id: z.string().describe('for revoke_share; opens nothing'),
    url: z.string().optional(),
    path: z.string().describe('to append to the address of the service, if url is missing'),
    expire_time: z.string().optional(),
    artifact: artifactBrief,
  }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  async handle({ artifact: id, ttl_seconds: seconds }, call) {
    const { store, signal } = call;
    const artifact = await store.get(id, { signal });
    const asked = consentTo(
      call,
      `Share ${nameOf(artifact)} with everyone who has the link, for ${spanOf(seconds)}?`,
    );
    if (asked !== undefined) return asked;
    const made = await store.share(id, { expiry: { ttlMs: seconds * 1_000 }, signal });
    const url = made.url ?? made.localUrl;
    const { expireTime } = made.link;
    return {
      data: {
        link_id: made.link.id,
        ...(url !== undefined && { url }),
        path: made.path,
        ...(expireTime !== undefined && { expire_time: expireTime.toISOString() }),
        artifact: briefArtifact(artifact),
      },
      lines: [url ?? made.path],
    };
  },
});

const revokeTool = tool('revoke_share', {
  title: 'Revoke share links',
  description: 'Ends a share link, or all links of an artifact, forever. A person is asked first.',
  input: z.strictObject({
    link_id: linkId.optional(),
    artifact: exactArtifact.optional().describe('All links of this artifact, instead of one link'),
  }),
  output: z.object({ revoked: z.number().int() }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
  async handle({ link_id: id, artifact }, call) {
    const { store, signal } = call;
    if ((id === undefined) === (artifact === undefined))
      throw new BadArgument('link_id, artifact', 'exactly one of the two must be given');
    const what =
      id === undefined
        ? `all share links of ${nameOf(await store.get(artifact!, { signal }))}`
        : `the share link ${id}${await ofArtifact(store, id, signal)}`;
    const asked = consentTo(call, `Revoke ${what} forever?`);
    if (asked !== undefined) return asked;
    const target = id === undefined ? { artifact: artifact! } : { id };
    const revoked = await store.links.revoke(target, { signal });
    return { data: { revoked }, lines: [`${revoked} links were in force`] };
  },
});

/** Returns the artifact of a link in words. Empty: the link has ended, or the first page of links does not have it. */
async function ofArtifact(store: Store, linkId: string, signal: AbortSignal): Promise<string> {
  const list = store.links.list({ pageSize: linksLookedAt, signal });
  let looked = 0;
  for await (const { id, session, name, version } of list) {
    if (id === linkId) return ` of ${session}/${name} (version ${version})`;
    if (++looked === linksLookedAt) break;
  }
  return '';
}

const deleteTool = tool('delete', {
  title: 'Delete an artifact',
  description: 'Deletes one version of an artifact forever. A person is asked first.',
  input: z.strictObject({ artifact: exactArtifact }),
  output: z.object({ deleted: z.boolean() }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async handle({ artifact: id }, call) {
    const { store, signal } = call;
    const artifact = await store.get(id, { signal });
    const asked = consentTo(call, `Delete ${nameOf(artifact)} forever?`);
    if (asked !== undefined) return asked;
    const deleted = await store.delete(id, { signal });
    return { data: { deleted }, lines: [`${deleted ? 'deleted' : 'was gone'}: ${textOfArtifact(artifact)}`] };
  },
});

const answerKey = 'consent';
const question = {
  type: 'object' as const,
  properties: { confirm: { type: 'boolean' as const, title: 'Yes, do it', default: false } },
  required: ['confirm'],
};

/**
 * Returns the question to a person. Undefined: the person has said yes. The arguments name one version, so the answer
 * is about what was shown, and nothing need be kept until it comes.
 *
 * @throws Error if the client cannot ask, or the person has not said yes.
 */
function consentTo({ capabilities, inputResponses }: Call, message: string): InputRequiredResult | undefined {
  const answer = inputResponse(inputResponses, answerKey);
  if (answer.kind === 'elicit') {
    if (answer.action === 'accept' && answer.content?.confirm === true) return undefined;
    throw new Error('PERMISSION_DENIED: the person has not agreed. Do not try again unless asked to');
  }
  const elicitation = capabilities?.elicitation;
  // Without a mode it is that of forms.
  if (elicitation === undefined || (elicitation.url !== undefined && elicitation.form === undefined))
    throw new Error(
      'PERMISSION_DENIED: this needs the consent of a person, and this client cannot ask one (elicitation)',
    );
  const ask = inputRequired.elicit({ message, requestedSchema: question });
  return inputRequired({ inputRequests: { [answerKey]: ask } });
}

function nameOf({ session, name, version, sizeBytes }: Artifact): string {
  return `${session}/${name} (version ${version}, ${sizeBytes} bytes)`;
}

function spanOf(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400} d`;
  return seconds % 3_600 === 0 ? `${seconds / 3_600} h` : `${seconds} s`;
}
