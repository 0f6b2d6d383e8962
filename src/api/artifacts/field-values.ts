/** ListFieldValues: the values that a field has, for the completion of filters. */
import { Buffer } from 'node:buffer';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  FieldOwner,
  type ListFieldValuesRequest,
  type ListFieldValuesResponseSchema,
} from '../../../gen/artifacta/v1/field_values_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { FieldValues, FieldValuesQuery } from '../../store/queries/field-values.ts';
import type { Call } from '../handlers.ts';

/** Answers ListFieldValues. @throws Failure INVALID_ARGUMENT. */
export async function listFieldValues(
  fieldValues: FieldValues,
  request: ListFieldValuesRequest,
  { principal }: Call,
): Promise<MessageInitShape<typeof ListFieldValuesResponseSchema>> {
  const { values, truncated, sampled } = await fieldValues.list(principal, parse(request));
  return { values: [...values], truncated, sampled };
}

function parse({ owner, field, prefix, maxValues }: ListFieldValuesRequest): FieldValuesQuery {
  if (field === '') throw invalid('field', 'is required');
  if (Buffer.byteLength(prefix) > limits.fieldValueBytesMax)
    throw invalid('prefix', `must have at most ${limits.fieldValueBytesMax} bytes`);
  if (maxValues < 0) throw invalid('max_values', 'must not be negative');
  const valuesMax = maxValues === 0 ? limits.fieldValuesDefault : Math.min(maxValues, limits.fieldValuesMax);
  return { owner: parseOwner(owner), field, prefix, valuesMax };
}

function parseOwner(owner: FieldOwner): FieldValuesQuery['owner'] {
  if (owner === FieldOwner.UNSPECIFIED || owner === FieldOwner.ARTIFACT) return 'artifact';
  if (owner === FieldOwner.SESSION) return 'session';
  throw invalid('owner', `must be an owner that this version of the service knows, not ${owner}`);
}
