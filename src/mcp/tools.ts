/** The tools that a server offers. */
import type { ToolContext } from './context.ts';
import type { Tool } from './tool.ts';
import { consentedTools } from './tools/consented.ts';
import { queryTool, sessionsTool, showTool } from './tools/find.ts';
import { hostEventTool } from './tools/host-event.ts';
import { pullTool } from './tools/pull.ts';
import { pushTool } from './tools/push.ts';
import { readTool } from './tools/read.ts';
import { recordFileTool, recordPatchTool } from './tools/record.ts';
import { compareTool, lineageTool } from './tools/relations.ts';
import { openSessionTool, sealSessionTool, waitSessionTool } from './tools/session-changes.ts';
import { whoamiTool } from './tools/whoami.ts';

/** Returns the tools, those that are used most first. */
export function toolsFor(context: ToolContext): readonly Tool[] {
  const { files, hostRun } = context;
  return [
    pushTool(context),
    queryTool,
    readTool,
    ...pullTool(context),
    showTool,
    sessionsTool,
    openSessionTool(context),
    sealSessionTool(context),
    waitSessionTool,
    compareTool,
    lineageTool,
    whoamiTool(context),
    ...(files === undefined ? [] : [recordFileTool(context)]),
    ...(files === undefined || hostRun === undefined ? [] : [recordPatchTool(context)]),
    ...(hostRun === undefined ? [] : [hostEventTool(hostRun)]),
    ...consentedTools(context),
  ];
}
