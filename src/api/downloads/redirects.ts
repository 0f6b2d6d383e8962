/** Redirects of downloads to the place of the bytes: which downloads, and the headers of the place. */
import type { Artifact } from '../../domain/artifact.ts';
import type { ElsewhereOptions } from '../../store/artifacts/downloads.ts';
import { typeHeaders } from './disposition.ts';

/** The redirects that the operator allows. */
export interface RedirectPolicy {
  /** Whether share links are redirected, too. */
  readonly hasLinks: boolean;
  /** Smaller contents are never redirected. */
  readonly bytesMin: number;
}

/** Returns what the store needs to know for a redirect. */
export function elsewhereBy({ bytesMin }: RedirectPolicy): ElsewhereOptions {
  return { bytesMin, shownAs };
}

/** Returns the headers of the place, which are those of this service: no other type is shown by a browser. */
export function shownAs({ name, contentType }: Pick<Artifact, 'name' | 'contentType'>) {
  const headers = typeHeaders(name, contentType);
  return { contentType: headers['content-type'], contentDisposition: headers['content-disposition'] };
}
