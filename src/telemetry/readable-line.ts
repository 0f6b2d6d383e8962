/** Log lines for people at a terminal, made from the lines in JSON: the same data, in a form that is read once. */

/** One line of the log, as the log writes it in JSON. */
interface LogLine {
  readonly level: string;
  /** ISO 8601, in UTC. */
  readonly time: string;
  readonly msg?: string;
  readonly err?: LoggedError;
  readonly [field: string]: unknown;
}

interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
  readonly [field: string]: unknown;
}

const colors = { dim: 2, red: 31, yellow: 33 } as const;
type Paint = (color: keyof typeof colors, text: string) => string;

/**
 * Returns the form for people of a line in JSON: time, level, message and fields; an error below it, with its stack.
 *
 * @param isColored whether the terminal shows colors.
 */
export function readableLine(json: string, isColored: boolean): string {
  const paint: Paint = (color, text) => (isColored ? `\u001b[${colors[color]}m${text}\u001b[0m` : text);
  const { level, time, msg = '', err, ...fields } = JSON.parse(json) as LogLine;
  const head = [paint('dim', `${time.slice(11, 19)}Z`), leveled(level, paint), written(msg)];
  const lines = [[...head, ...fieldTexts(fields, paint)].join(' ')];
  if (err !== undefined) lines.push(...errorLines(err, paint));
  return `${lines.join('\n')}\n`;
}

function leveled(level: string, paint: Paint): string {
  const text = level.padEnd(5);
  if (level === 'warn') return paint('yellow', text);
  if (level === 'error' || level === 'fatal') return paint('red', text);
  return level === 'info' ? text : paint('dim', text);
}

function fieldTexts(fields: Readonly<Record<string, unknown>>, paint: Paint): string[] {
  return Object.entries(fields).map(([name, value]) => {
    const isWord = typeof value === 'string' && /^[^\s"=]+$/.test(value);
    return `${paint('dim', `${written(name)}=`)}${written(isWord ? value : JSON.stringify(value))}`;
  });
}

function errorLines({ type, message, stack, cause, ...rest }: LoggedError, paint: Paint): string[] {
  const [first = '', ...frames] = (stack ?? `${type}: ${message}`).split('\n');
  const head = [written(first), ...fieldTexts(rest, paint)].join(' ');
  const lines = [`  ${head}`, ...frames.map((frame) => paint('dim', `  ${written(frame)}`))];
  return cause === undefined ? lines : [...lines, '  caused by', ...errorLines(cause, paint)];
}

/** Returns the text in which every character that could steer a terminal, or hide text in it, is written out. */
export function written(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
