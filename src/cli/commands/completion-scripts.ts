// A script walks over the words before the cursor to find their command, and offers what may follow. It leaves
// arguments, and the values of flags without a fixed choice, to the shell: the shell knows files.

/** The words that may follow a command. */
export interface Completable {
  /** The path from the program on, e.g. `['artifacta', 'session', 'seal']`. */
  readonly path: readonly string[];
  /** The subcommands, or the values of its argument, if they are few. */
  readonly subcommands: readonly { readonly name: string; readonly summary: string }[];
  readonly flags: readonly CompletableFlag[];
}

interface CompletableFlag {
  /** `--outcome`; flags of one letter are not completed. */
  readonly name: string;
  readonly description: string;
  readonly takesValue: boolean;
  /** The values that it takes, if they are few. */
  readonly choices: readonly string[];
}

/** Returns the script for `source <(artifacta completion bash)`. */
export function bashScript(commands: readonly Completable[]): string {
  const values = valueCases(commands, (choices) => `words=${quoted(choices.join(' '))}; at=`);
  const subcommands = cases(commands, (one) => one.subcommands.map(({ name }) => name), inBash);
  const flags = cases(commands, (one) => one.flags.map(({ name }) => name), inBash);
  return `# Completes artifacta in bash.
_artifacta() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} at=artifacta words= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
      ${patterns(known(commands))}) at="$at $word" ;;
    esac
  done
  case "$at $before" in
${indented(4, values)}
  esac
  case "$current" in
    -*)
      case "$at" in
${indented(8, flags)}
      esac ;;
    *)
      case "$at" in
${indented(8, subcommands)}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _artifacta artifacta
`;
}

/** Returns the script for `source <(artifacta completion zsh)`. */
export function zshScript(commands: readonly Completable[]): string {
  const values = valueCases(commands, (choices) =>
    choices.length === 0 ? '_files; return' : `compadd -- ${choices.map(quoted).join(' ')}; return`,
  );
  const subcommands = cases(
    commands,
    (one) => one.subcommands.map(({ name, summary }) => `${name}:${summary}`),
    inZsh,
  );
  const flags = cases(
    commands,
    (one) => one.flags.map(({ name, description }) => `${name}:${description}`),
    inZsh,
  );
  return `# Completes artifacta in zsh.
_artifacta() {
  local at=artifacta word
  local -a offered
  for word in "\${words[@]:1:$((CURRENT-2))}"; do
    case "$at $word" in
      ${patterns(known(commands))}) at="$at $word" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${indented(4, values)}
  esac
  case "$PREFIX" in
    -*)
      case "$at" in
${indented(8, flags)}
      esac ;;
    *)
      case "$at" in
${indented(8, subcommands)}
      esac ;;
  esac
  if (( $#offered )); then _describe artifacta offered; else _files; fi
}
compdef _artifacta artifacta
`;
}

/** Returns the script for `artifacta completion fish | source`. */
export function fishScript(commands: readonly Completable[]): string {
  const lines: string[] = [];
  for (const { path, subcommands, flags } of commands) {
    const here = `-n ${fishQuoted(`test (__artifacta_at) = ${fishQuoted(path.join(' '))}`)}`;
    for (const { name, summary } of subcommands)
      lines.push(`complete -c artifacta ${here} -a ${name} -d ${fishQuoted(summary)}`);
    for (const flag of flags) {
      const value = flag.choices.length > 0 ? ` -x -a ${fishQuoted(flag.choices.join(' '))}` : ' -r';
      lines.push(
        `complete -c artifacta ${here} -l ${flag.name.replace(/^--/, '')}${flag.takesValue ? value : ''} -d ${fishQuoted(flag.description)}`,
      );
    }
  }
  return `# Completes artifacta in fish.
function __artifacta_at
    set -l at artifacta
    for word in (commandline -opc)[2..-1]
        if contains -- "$at $word" ${known(commands).map(fishQuoted).join(' ')}
            set at "$at $word"
        end
    end
    echo $at
end
complete -c artifacta -n 'test (__artifacta_at) = artifacta' -f
${lines.join('\n')}
`;
}

/** Returns every command except the program, as words. */
function known(commands: readonly Completable[]): string[] {
  return commands.flatMap(({ path }) => (path.length > 1 ? [path.join(' ')] : []));
}

/** Returns one branch of a `case` for each command that offers something. */
function cases(
  commands: readonly Completable[],
  offered: (one: Completable) => readonly string[],
  offer: (words: readonly string[]) => string,
): string[] {
  return commands.flatMap((one) => {
    const words = offered(one);
    return words.length === 0 ? [] : [`${quoted(one.path.join(' '))}) ${offer(words)} ;;`];
  });
}

const inBash = (words: readonly string[]) => `words=${quoted(words.join(' '))}`;
const inZsh = (words: readonly string[]) => `offered=(${words.map(quoted).join(' ')})`;

/**
 * Returns the branches of a `case` for a flag that waits for its value: one for each that has choices, one for all
 * others.
 */
function valueCases(
  commands: readonly Completable[],
  then: (choices: readonly string[]) => string,
): string[] {
  const waiting = commands.flatMap(({ path, flags }) =>
    flags
      .filter(({ takesValue }) => takesValue)
      .map(({ name, choices }) => ({ text: [...path, name].join(' '), choices })),
  );
  const open = waiting.filter(({ choices }) => choices.length === 0).map(({ text }) => text);
  const chosen = waiting.filter(({ choices }) => choices.length > 0);
  return [
    ...chosen.map(({ text, choices }) => `${quoted(text)}) ${then(choices)} ;;`),
    `${patterns(open)}) ${then([])} ;;`,
  ];
}

function patterns(texts: readonly string[]): string {
  return texts.map(quoted).join('|');
}

function indented(columns: number, lines: readonly string[]): string {
  return lines.map((line) => ' '.repeat(columns) + line).join('\n');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
