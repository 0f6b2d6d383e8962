/** Forms, which are not contents: a listener that gets bytes and a header refuses them. */
import { type FormKind, formKind } from '../domain/content-type.ts';

const advice: Readonly<Record<FormKind, string>> = {
  multipart:
    'must not be multipart/form-data: the form around the file would be stored. Send the bytes of the file alone, ' +
    'e.g. with curl -T FILE',
  urlencoded:
    'must be the type of the bytes: clients send application/x-www-form-urlencoded by default, and ' +
    'the name has no extension that shows the type. Leave the header out, e.g. with curl -T FILE, or ' +
    "give the type, e.g. -H 'Content-Type: text/plain'",
};

/**
 * Returns the fault of the content type of an upload to `name`, and what to do. Undefined if the type is not that of a
 * form.
 */
export function whyNoForm(name: string, contentType: string): string | undefined {
  const kind = formKind(name, contentType);
  return kind && advice[kind];
}
