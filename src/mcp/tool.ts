/** A tool: its description, its schemas, and what it does. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  type InputRequiredResult,
  isInputRequiredResult,
  type McpServer,
  type ServerContext,
  type StandardSchemaWithJSON,
  type ToolAnnotations,
} from '@modelcontextprotocol/server';
import type * as z from 'zod/v4';
import type { Store } from '../client/store.ts';
import { type Answer, errorResult, resultOf } from './answer.ts';
import type { ToolContext } from './context.ts';
import { textOfError } from './tool-error.ts';

/** One call of a tool. */
export interface Call {
  readonly store: Store;
  /** Aborted when the client cancels the call or disconnects. */
  readonly signal: AbortSignal;
  /** The name that the client gives itself. Undefined: it gave none. */
  readonly clientName: string | undefined;
  /** What the client can do. */
  readonly capabilities: ClientCapabilities | undefined;
  /** What a person has answered, if this call was made again with answers. */
  readonly inputResponses: Record<string, unknown> | undefined;
}

interface ToolSpec<I extends z.ZodObject, O extends z.ZodObject> {
  readonly title: string;
  readonly description: string;
  readonly input: I;
  readonly output: O;
  readonly annotations: ToolAnnotations;
  handle(args: z.output<I>, call: Call): Promise<(Answer & { data: z.input<O> }) | InputRequiredResult>;
}

/** A tool that can be offered. */
export interface Tool {
  readonly name: string;
  register(server: McpServer, context: ToolContext): void;
}

/** Annotations of tools that change nothing. */
export const reads: ToolAnnotations = { readOnlyHint: true, openWorldHint: false };
/** Annotations of tools that add something, and the same again adds nothing. */
export const adds: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

/** Makes a tool of its parts. */
export function tool<I extends z.ZodObject, O extends z.ZodObject>(name: string, spec: ToolSpec<I, O>): Tool {
  const { title, description, annotations, handle } = spec;
  const inputSchema = inWords(spec.input);
  const outputSchema = short(spec.output);
  return {
    name,
    register: (server, context) => {
      const config = { title, description, inputSchema, outputSchema, annotations };
      server.registerTool(name, config, async (args, request) => {
        try {
          const answer = await handle(args, await callOf(server, request, context));
          return isInputRequiredResult(answer) ? answer : resultOf(answer);
        } catch (error) {
          return errorResult(textOfError(error));
        }
      });
    },
  };
}

async function callOf(server: McpServer, { mcpReq }: ServerContext, context: ToolContext): Promise<Call> {
  const { envelope, inputResponses } = mcpReq;
  const { stopping } = context;
  const signal = stopping === undefined ? mcpReq.signal : AbortSignal.any([mcpReq.signal, stopping]);
  // The type of the envelope has none of its keys.
  const claimed = envelope as { [K in string]?: unknown } | undefined;
  const client = (claimed?.[CLIENT_INFO_META_KEY] as Implementation) ?? server.server.getClientVersion();
  const capabilities =
    (claimed?.[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities) ?? server.server.getClientCapabilities();
  return { store: await context.store(), signal, clientName: client?.name, capabilities, inputResponses };
}

/** Returns a schema whose errors say what must be, as the errors of the service do. */
function inWords<I extends z.ZodObject>(schema: I): StandardSchemaWithJSON<z.input<I>, z.output<I>> {
  return {
    '~standard': {
      ...compact(schema),
      validate: (value) => {
        const parsed = schema.safeParse(value, { error: wordsFor });
        if (parsed.success) {
          const path = malformedIn(parsed.data, []);
          return path === undefined
            ? { value: parsed.data }
            : { issues: [{ path, message: 'must be valid Unicode, without half surrogates' }] };
        }
        const issues = parsed.error.issues.slice(0, issuesMax);
        return { issues: issues.map(({ message, path }) => ({ message, path })) };
      },
    },
  };
}

/** Returns a schema of which clients get a shorter form. */
function short<O extends z.ZodObject>(schema: O): StandardSchemaWithJSON<z.input<O>, z.output<O>> {
  return { '~standard': compact(schema) };
}

type Standard<S extends z.ZodObject> = StandardSchemaWithJSON<z.input<S>, z.output<S>>['~standard'];

/**
 * The list of tools takes room in the context of every model. So the schemas leave out what says nothing: the dialect,
 * the limits of integers that JavaScript has, the fact that keys are texts. An answer may get further fields.
 */
function compact<S extends z.ZodObject>(schema: S): Standard<S> {
  // Made by zod when it is asked for first, which a start does without.
  const made = () => schema['~standard'] as Standard<S>;
  return {
    version: 1,
    vendor: 'zod',
    validate: (value) => made().validate(value),
    jsonSchema: {
      input: (options) => shortened(made().jsonSchema.input(options), false),
      output: (options) => shortened(made().jsonSchema.output(options), true),
    },
  };
}

function shortened(schema: Record<string, unknown>, isOutput: boolean): Record<string, unknown> {
  const kept = Object.entries(schema).filter(([key, value]) => {
    if (key === '$schema' || key === 'propertyNames') return false;
    if ((key === 'minimum' || key === 'maximum') && Math.abs(value as number) === Number.MAX_SAFE_INTEGER)
      return false;
    return !(isOutput && key === 'additionalProperties' && value === false);
  });
  const within = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(within);
    if (typeof value !== 'object' || value === null) return value;
    return shortened(value as Record<string, unknown>, isOutput);
  };
  // Below `properties` keys are names.
  const named = (value: object) =>
    Object.fromEntries(Object.entries(value).map(([key, one]) => [key, within(one)]));
  return Object.fromEntries(
    kept.map(([key, value]) => [key, key === 'properties' ? named(value as object) : within(value)]),
  );
}

/** Returns the path of a text that UTF-8 cannot express. */
function malformedIn(value: unknown, path: readonly string[]): readonly string[] | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : path;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, one] of Object.entries(value)) {
    if (!key.isWellFormed()) return path;
    const found = malformedIn(one, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The number of faults in one error. */
const issuesMax = 8;
const keyCharactersMax = 64;

function wordsFor(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is required'
        : `must be ${typeNames[issue.expected] ?? issue.expected}`;
    case 'unrecognized_keys': {
      const keys = issue.keys.slice(0, issuesMax).map((key) => key.slice(0, keyCharactersMax));
      return `${keys.join(', ')}: must be left out: this tool has no such argument`;
    }
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_small':
      return `must ${measured(issue.origin)} at least ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `must ${measured(issue.origin)} at most ${issue.maximum}${unitOf(issue.origin)}`;
    default:
      return undefined;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object whose values are texts',
};

function measured(origin: string): string {
  return origin === 'number' || origin === 'int' ? 'be' : 'have';
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}
