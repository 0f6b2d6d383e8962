/** JSON schemas, as far as those of Agent Plugins use them. A keyword that is not known here is an error. */

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Schema = { readonly [keyword: string]: Json };
type Check = (argument: Json, value: Json, schema: Schema, root: Schema) => string[];

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const typeOf = (value: Json) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

/** Fields of a value, each with its faults below its name. */
function below(value: Json, faults: (key: string, one: Json) => string[]): string[] {
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, one]) => faults(key, one).map((fault) => `${key}: ${fault}`));
}

const checks: Readonly<Record<string, Check>> = {
  type: (type, value) => (typeOf(value) === type ? [] : [`must be of type ${type}`]),
  const: (expected, value) => (value === expected ? [] : [`must be ${expected}`]),
  enum: (all, value) => ((all as readonly Json[]).includes(value) ? [] : ['must be one of the list']),
  minLength: (least, value) =>
    typeof value === 'string' && value.length < (least as number) ? ['too short'] : [],
  maxLength: (most, value) =>
    typeof value === 'string' && value.length > (most as number) ? ['too long'] : [],
  pattern: (pattern, value) =>
    typeof value === 'string' && !new RegExp(pattern as string, 'u').test(value)
      ? [`must match ${pattern}`]
      : [],
  required: (names, value) =>
    isObject(value)
      ? (names as readonly string[]).filter((name) => !(name in value)).map((name) => `${name}: missing`)
      : [],
  properties: (schemas, value, _schema, root) =>
    below(value, (key, one) => {
      const known = schemas as { readonly [key: string]: Schema };
      return Object.hasOwn(known, key) ? faultsIn(known[key]!, one, root) : [];
    }),
  additionalProperties: (others, value, { properties = {} }, root) =>
    below(value, (key, one) => {
      if (Object.hasOwn(properties as object, key)) return [];
      return others === false ? ['unknown'] : faultsIn(others as Schema, one, root);
    }),
  propertyNames: (names, value, _schema, root) => below(value, (key) => faultsIn(names as Schema, key, root)),
  items: (items, value, _schema, root) =>
    Array.isArray(value) ? value.flatMap((one) => faultsIn(items as Schema, one, root)) : [],
  not: (schema, value, _schema, root) =>
    faultsIn(schema as Schema, value, root).length === 0 ? ['must not match'] : [],
  oneOf: (all, value, _schema, root) => {
    const faults = (all as readonly Schema[]).map((one) => faultsIn(one, value, root));
    const fitting = faults.filter((found) => found.length === 0).length;
    return fitting === 1 ? [] : [`matches ${fitting} variants, must match 1`, ...faults.flat()];
  },
  $ref: (path, value, _schema, root) => {
    const steps = (path as string).replace(/^#\//, '').split('/');
    const found = steps.reduce<Json>((at, step) => (at as Schema)[step]!, root);
    return faultsIn(found as Schema, value, root);
  },
};

/** Keywords that check nothing. */
const words = ['$schema', '$id', '$defs', 'title', 'description'];

/** Returns what is wrong with a value, each fault with its path. */
export function faultsIn(schema: Schema, value: Json, root: Schema = schema): string[] {
  return Object.entries(schema).flatMap(([keyword, argument]) => {
    if (words.includes(keyword)) return [];
    const check = checks[keyword];
    if (check === undefined) throw new Error(`the keyword ${keyword} is not known`);
    return check(argument, value, schema, root);
  });
}
