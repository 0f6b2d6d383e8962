/** The addresses of resources. */

/** The address of an artifact's record. */
export function artifactUri(id: string): string {
  return `artifacta://artifact/${id}`;
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
