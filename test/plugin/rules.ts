/** What the documentation of Claude Code and of Codex says about manifests and hooks; read in November 2026. */
import * as z from 'zod/v4';

/** A path below the root of the plugin. */
const within = z.string().regex(/^\.\/(?!.*\.\.)/);

const author = z.strictObject({
  name: z.string().min(1),
  email: z.string().optional(),
  url: z.string().optional(),
});

/** An option that Claude Code asks the user for. It refuses unknown keys. */
const userOption = z.strictObject({
  type: z.enum(['string', 'number', 'boolean', 'directory', 'file']),
  title: z.string().min(1),
  description: z.string().min(1),
  required: z.boolean().optional(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  sensitive: z.boolean().optional(),
});

/** `.claude-plugin/plugin.json`. Unknown fields would only be a warning there; here they are an error. */
export const claudeManifest = z.strictObject({
  name: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  version: z.string().optional(),
  description: z.string().optional(),
  author: author.optional(),
  license: z.string().optional(),
  keywords: z.array(z.string()).optional(),
  userConfig: z.record(z.string(), userOption).optional(),
});

/** `.mcp.json`. */
export const claudeServers = z.strictObject({
  mcpServers: z.record(
    z.string(),
    z.strictObject({
      type: z.literal('stdio').optional(),
      command: z.string().min(1),
      args: z.array(z.string()).optional(),
      env: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

/** `.codex-plugin/plugin.json`. */
export const codexManifest = z.strictObject({
  name: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  version: z.string().optional(),
  description: z.string().optional(),
  keywords: z.array(z.string()).optional(),
  skills: within.optional(),
  hooks: within.optional(),
  mcpServers: z
    .record(
      z.string(),
      z.strictObject({
        command: z.string().min(1),
        args: z.array(z.string()).optional(),
        env: z.record(z.string(), z.string()).optional(),
        env_vars: z.array(z.string()).optional(),
        cwd: z.string().optional(),
      }),
    )
    .optional(),
  interface: z
    .strictObject({
      displayName: z.string().optional(),
      shortDescription: z.string().optional(),
      developerName: z.string().optional(),
      category: z.string().optional(),
    })
    .optional(),
});

/** A hook that calls a tool, in both hosts. */
const handler = z.strictObject({
  type: z.literal('mcp_tool'),
  server: z.string().min(1),
  tool: z.string().min(1),
  input: z.record(z.string(), z.string()),
  timeout: z.number().positive(),
});

const group = z.strictObject({ matcher: z.string().optional(), hooks: z.array(handler).min(1) });

const toolEvents = ['PostToolUse'] as const;
const claudeEvents = ['SessionStart', 'UserPromptSubmit', 'Stop', 'SessionEnd', ...toolEvents] as const;
/** Codex has SessionEnd, too, but calls no tools then. */
const codexEvents = ['SessionStart', 'UserPromptSubmit', 'Stop', ...toolEvents] as const;

const hooksOf = <E extends string>(events: readonly E[]) =>
  z.strictObject({
    description: z.string().optional(),
    hooks: z.partialRecord(z.enum(events), z.array(group).min(1)),
  });

/** `hooks/hooks.json`, which Claude Code reads. */
export const claudeHooks = hooksOf(claudeEvents);
/** The hooks that Codex reads. */
export const codexHooks = hooksOf(codexEvents);

/** The start of a skill (agentskills.io). */
export const skillFields = z.strictObject({
  name: z
    .string()
    .max(64)
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  description: z.string().min(1).max(1_024),
});

/** The events of both hosts whose answers may be texts for the model. */
export const contextEvents: readonly string[] = ['SessionStart', 'UserPromptSubmit'];
