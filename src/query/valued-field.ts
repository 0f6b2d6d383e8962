/** Fields whose values can be listed, by the names that filters give them. */
import { Failure, invalid } from '../domain/errors.ts';
import type { Field } from './condition.ts';
import { artifactFields, readFilter, sessionFieldsOfSessions } from './filter.ts';

/** Either kind of thing that filters select. */
export type FieldOwner = 'artifact' | 'session';

/** A field, or all keys of a map. */
export type ValuedField =
  | { readonly name: 'session' | 'name' | 'content_type' }
  | { readonly name: 'metadata' | 'labels'; readonly key: string | undefined };

/** The value in the filter that shows what a field means. */
const probe = 'x';

/**
 * Reads the name of a field whose values can be listed.
 *
 * @throws Failure INVALID_ARGUMENT naming `field`.
 */
export function parseValuedField(text: string, owner: FieldOwner): ValuedField {
  if (text === 'metadata' || text === 'labels') return { name: text, key: undefined };
  const field = fieldOf(text, owner);
  switch (field?.name) {
    case 'metadata':
    case 'labels':
      return { name: field.name, key: field.key };
    case 'session':
      return { name: 'session' };
    case 'name':
    case 'content_type':
      return { name: field.name };
    default:
      throw invalid('field', `must be ${owner === 'artifact' ? 'name, content_type, ' : ''}${common}`);
  }
}

const common =
  'session, metadata, labels, metadata.KEY or labels.KEY, where a key with other characters than letters, digits, _ and - is in quotes';

/** Returns the field of the filter `text = x`; undefined if that is not a filter with one comparison. */
function fieldOf(text: string, owner: FieldOwner): Field | undefined {
  const fields = owner === 'artifact' ? artifactFields : sessionFieldsOfSessions;
  try {
    const condition = readFilter(`${text} = ${probe}`, fields, 0);
    if (condition?.kind !== 'test' || condition.test.is !== 'equal') return undefined;
    return condition.test.text === probe ? condition.field : undefined;
  } catch (error) {
    if (error instanceof Failure && error.reason === 'INVALID_ARGUMENT') return undefined;
    throw error;
  }
}
