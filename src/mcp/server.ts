/** The MCP server: all its tools, and what else it offers. */
import './without-jit.ts';
import { McpServer } from '@modelcontextprotocol/server';
import type { ToolContext } from './context.ts';
import { instructionsFor } from './instructions.ts';
import { registerResources } from './resources.ts';
import { skills } from './skill.ts';
import { toolsFor } from './tools.ts';

/** How long clients may take the lists of what the server offers for current, in milliseconds. */
const listsTtlMs = 3_600_000;

/** Returns a server that is not connected yet. */
export function makeServer(context: ToolContext): McpServer {
  const lists = { ttlMs: listsTtlMs, cacheScope: 'private' as const };
  const server = new McpServer(
    { name: 'artifacta', title: 'Artifacta', version: context.version },
    {
      instructions: instructionsFor(context),
      cacheHints: { 'tools/list': lists, 'resources/templates/list': lists, 'server/discover': lists },
    },
  );
  for (const tool of toolsFor(context)) tool.register(server, context);
  registerResources(server, context);
  skills.attach(server);
  return server;
}
