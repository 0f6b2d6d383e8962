/** The addresses of resources. */

/** The forms of the addresses, as templates of URIs (RFC 6570). */
export const addressForms = {
  artifact: 'artifacta://artifact/{id}',
  session: 'artifacta://session/{session}',
  found: 'artifacta://found/{key}/{value}',
} as const;

/** The address of an artifact's record. */
export function artifactUri(id: string): string {
  return `artifacta://artifact/${id}`;
}

/** The address of a session's record. */
export function sessionUri(id: string): string {
  return `artifacta://session/${encodeURIComponent(id)}`;
}

/** Whether contents of a type are text that a model reads. */
export function isText(contentType: string): boolean {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  return (
    type.startsWith('text/') ||
    type.endsWith('+json') ||
    type.endsWith('+xml') ||
    ['application/json', 'application/x-ndjson', 'application/xml', 'application/yaml'].includes(type)
  );
}
