/** Which language a source has, by the name of its file. */
/** The languages that have colours. */
export const languages = [
  'bash',
  'c',
  'cpp',
  'csharp',
  'css',
  'dockerfile',
  'go',
  'ini',
  'java',
  'javascript',
  'json',
  'kotlin',
  'makefile',
  'python',
  'ruby',
  'rust',
  'sql',
  'typescript',
  'xml',
  'yaml',
] as const;

/** The most characters that are looked at at once. A longer source has no colours. */
export const sourceCharactersMax = 256 * 1024;

/** A language that has colours. */
export type Language = (typeof languages)[number];

/** Other names of languages, as files and the fences of Markdown have them. */
const others: Readonly<Record<string, Language>> = {
  cc: 'cpp',
  cfg: 'ini',
  cs: 'csharp',
  cxx: 'cpp',
  h: 'c',
  hpp: 'cpp',
  html: 'xml',
  htm: 'xml',
  js: 'javascript',
  jsx: 'javascript',
  kt: 'kotlin',
  mjs: 'javascript',
  cjs: 'javascript',
  mk: 'makefile',
  mts: 'typescript',
  py: 'python',
  rb: 'ruby',
  rs: 'rust',
  sh: 'bash',
  shell: 'bash',
  svg: 'xml',
  toml: 'ini',
  ts: 'typescript',
  tsx: 'typescript',
  yml: 'yaml',
  zsh: 'bash',
};

/** Returns a language by one of its names. Undefined: it has no colours here. */
export function languageNamed(name: string): Language | undefined {
  const known = name.toLowerCase();
  const named = languages.find((one) => one === known);
  if (named !== undefined) return named;
  return Object.hasOwn(others, known) ? others[known] : undefined;
}

/** Returns the language of a file. Undefined: none that has colours here. */
export function languageOf(fileName: string): Language | undefined {
  const base = fileName.split('/').at(-1) ?? '';
  if (/^(?:Dockerfile|Containerfile)(?:\.|$)/.test(base)) return 'dockerfile';
  if (/^(?:GNU)?[Mm]akefile$/.test(base)) return 'makefile';
  const [, ending = ''] = /\.([a-z]{1,10})$/i.exec(base) ?? [];
  return languageNamed(ending);
}
