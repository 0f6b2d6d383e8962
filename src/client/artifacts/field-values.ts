import { FieldOwner } from '../../../gen/artifacta/v1/field_values_pb.ts';
import { type CallSettings, type Calls, unary } from '../wire/calls.ts';

/** The values that are wanted of a field. */
export interface FieldValuesQuery extends CallSettings {
  /** The things whose field is meant. Default: artifacts. */
  readonly of?: 'artifacts' | 'sessions' | undefined;
  /** Only values that begin with this text. */
  readonly prefix?: string | undefined;
  /** The largest number of values, at most 100. Default 20. */
  readonly limit?: number | undefined;
}

/** Values of a field, sorted. */
export interface FieldValues {
  readonly values: readonly string[];
  /** Whether there may be more values. */
  readonly truncated: boolean;
  /** Whether the values are only those of the newest things that the caller can see. */
  readonly sampled: boolean;
}

/** @internal */
export async function listFieldValues(
  calls: Calls,
  field: string,
  query: FieldValuesQuery,
): Promise<FieldValues> {
  const { of = 'artifacts', prefix = '', limit = 0 } = query;
  const owner = of === 'sessions' ? FieldOwner.SESSION : FieldOwner.ARTIFACT;
  const { values, truncated, sampled } = await unary(calls, query, (call) =>
    calls.artifacts.listFieldValues({ owner, field, prefix, maxValues: limit }, call),
  );
  return { values, truncated, sampled };
}
