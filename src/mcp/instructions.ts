/** What a model gets to know of this server before it has seen a tool. */
import type { ToolContext } from './context.ts';

/** Returns the instructions. */
export function instructionsFor(context: Pick<ToolContext, 'defaultSession'>): string {
  return [
    'Artifacta stores what agents produce (reports, data, logs) and finds it again, for other agents and people.',
    aboutSession(context),
    'Store results with push: files by path or ticket, never by pasting their content; short notes as text.',
    'Hand over by naming the session id or an artifact id (art_…), not the content.',
    "To use another agent's work: wait_session until it is sealed, query its session, read pieces or pull files.",
    'After a failure: compare the session with the last good one, and follow lineage to the inputs.',
  ].join('\n');
}

function aboutSession({ defaultSession }: Pick<ToolContext, 'defaultSession'>): string {
  if (defaultSession === undefined)
    return 'Call open_session once, name its id in every push, and call seal_session at the end.';
  const { idOfRun } = defaultSession;
  if (idOfRun !== undefined)
    return `Pushes that name no session go to ${idOfRun}, the session of the command that runs you. It is sealed when that command ends: do not seal it.`;
  return 'Pushes that name no session go to the session of this run, which is opened automatically. Call seal_session when the work is complete or has failed. Otherwise, if this server has opened the session, it is sealed as succeeded when the server is closed.';
}
