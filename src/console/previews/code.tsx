/** Source code in colours, once its grammar is loaded. Until then, and if it has none, the text as it is. */
import { useEffect, useState } from 'preact/hooks';
import type { Token } from '../contents/highlight.ts';
import type { Language } from '../contents/languages.ts';

/** The lines of a source as words with kinds. */
type Colours = readonly (readonly Token[])[];

/** Returns the words of the lines. Undefined: not known yet, or the source has no colours. */
export function useColours(
  lines: readonly string[] | undefined,
  language: Language | undefined,
): Colours | undefined {
  const [found, setFound] = useState<{ of: readonly string[]; colours: Colours | undefined }>();
  useEffect(() => {
    if (lines === undefined || language === undefined) return;
    let isOver = false;
    // Without its grammar a source is a text like any other.
    import('../contents/highlight.ts')
      .then(({ highlighted }) => highlighted(lines.join('\n'), language))
      .then((colours) => {
        if (!isOver) setFound({ of: lines, colours });
      })
      .catch(() => {});
    return () => {
      isOver = true;
    };
  }, [lines, language]);
  // What is known of the lines before stays until those of the present ones are found.
  return lines === undefined || language === undefined ? undefined : found?.colours;
}

/** The words of one line. */
export function Words({ tokens }: { tokens: readonly Token[] }) {
  return tokens.map(({ text, kind }, index) =>
    kind === '' ? (
      text
    ) : (
      <span key={index} class={`word-${kind}`}>
        {text}
      </span>
    ),
  );
}

/** A short source, such as a cell of a notebook. */
export function Code({ text, language }: { text: string; language: Language | undefined }) {
  const [lines, setLines] = useState<readonly string[]>(() => text.split('\n'));
  useEffect(() => setLines(text.split('\n')), [text]);
  const colours = useColours(lines, language);
  if (colours === undefined || colours.length !== lines.length) return <code>{text}</code>;
  return (
    <code>
      {colours.map((tokens, index) => (
        <>
          <Words tokens={tokens} />
          {index < colours.length - 1 ? '\n' : ''}
        </>
      ))}
    </code>
  );
}
