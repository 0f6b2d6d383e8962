/** Lines of JSON that are messages of a conversation between people, models and tools. */

/** One message. */
export interface Message {
  readonly role: string;
  /** Texts and other parts, in their order. */
  readonly parts: readonly { readonly kind: 'text' | 'call' | 'result' | 'other'; readonly text: string }[];
}

type Json = Readonly<Record<string, unknown>>;

/** Returns the message that a value of JSON is, in the forms that agents write. Undefined: it is none. */
export function messageOf(value: unknown): Message | undefined {
  if (!isObject(value)) return undefined;
  // Some wrap the message in an event.
  const inner = isObject(value.message) && 'content' in value.message ? value.message : value;
  const role = textOf(inner.role) ?? textOf(value.role) ?? (inner === value ? undefined : textOf(value.type));
  if (role === undefined || !('content' in inner || 'tool_calls' in inner)) return undefined;
  const parts = [...partsOf(inner.content), ...callsOf(inner.tool_calls)];
  return { role, parts };
}

function partsOf(content: unknown): Message['parts'] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }];
  if (!Array.isArray(content)) return content == null ? [] : [{ kind: 'other', text: written(content) }];
  return content.map((part: unknown) => {
    if (typeof part === 'string') return { kind: 'text', text: part } as const;
    if (!isObject(part)) return { kind: 'other', text: written(part) } as const;
    const text = textOf(part.text) ?? textOf(part.thinking);
    if (text !== undefined) return { kind: 'text', text } as const;
    if (part.type === 'tool_use')
      return { kind: 'call', text: `${textOf(part.name) ?? ''} ${written(part.input)}` } as const;
    if (part.type === 'tool_result') {
      const said = partsOf(part.content).map((one) => one.text);
      return { kind: 'result', text: said.join('\n') } as const;
    }
    return { kind: 'other', text: written(part) } as const;
  });
}

function callsOf(calls: unknown): Message['parts'] {
  if (!Array.isArray(calls)) return [];
  return calls.filter(isObject).map(({ function: called }) => {
    const { name, arguments: given } = isObject(called) ? called : {};
    return { kind: 'call', text: `${textOf(name) ?? ''} ${textOf(given) ?? written(given)}` } as const;
  });
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function written(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value, undefined, 1);
}
