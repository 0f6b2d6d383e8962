/** What a model gets to know of this server before it has seen a tool. */

/** Returns the instructions. @param local whether the server runs next to the agent, over stdio. */
export function instructionsFor(local: boolean): string {
  const session = local
    ? 'Pushes that name no session go to the session of this run, which is opened automatically. Call seal_session when the work is complete or has failed. Otherwise, if this server has opened the session, it is sealed as succeeded when the server is closed.'
    : 'Call open_session once, name its id in every push, and call seal_session at the end.';
  return [
    'Artifacta stores what agents produce (reports, data, logs) and finds it again, for other agents and people.',
    session,
    'Store results with push: files by path or ticket, never by pasting their content; short notes as text.',
    'Hand over by naming the session id or an artifact id (art_…), not the content.',
    "To use another agent's work: wait_session until it is sealed, query its session, read pieces or pull files.",
    'After a failure: compare the session with the last good one, and follow lineage to the inputs.',
  ].join('\n');
}
