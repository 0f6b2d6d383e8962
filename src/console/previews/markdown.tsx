/**
 * Markdown. The parser's tokens become elements one by one: no markup is ever made of a text, so that HTML in a document
 * is shown as it is written. Images and links go nowhere by themselves.
 */
import { lexer, type Token, type Tokens } from 'marked';
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { readPiece } from '../calls/read.ts';
import { languageNamed } from '../contents/languages.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { Code } from './code.tsx';
import { TextPreview } from './text.tsx';

/** Of a longer document this many bytes are shown. */
const documentBytes = 256 * 1024;
/** How deep lists and quotations are followed; what is deeper is shown as it is written. */
const depthMax = 24;

/** The preview. */
export function MarkdownPreview({ id, bytes }: { id: string; bytes: number }) {
  const [isSource, setSource] = useState(false);
  const { value, failure, again } = useCall(id, (signal) =>
    readPiece(id, { case: 'lines', value: {} }, { maxBytes: documentBytes, signal }),
  );
  return (
    <div class="preview markdown-preview">
      <div class="controls">
        <label class="check">
          <input
            type="checkbox"
            checked={isSource}
            onChange={(event) => setSource(event.currentTarget.checked)}
          />
          as it is written
        </label>
        {value?.nextCursor ? <span class="quiet">The beginning of a longer document.</span> : null}
      </div>
      <FailureBox failure={failure} again={again} />
      {isSource ? <TextPreview id={id} bytes={bytes} /> : null}
      {value === undefined ? (
        failure === undefined ? (
          <Loading what="the document" />
        ) : null
      ) : isSource ? null : (
        <Markdown text={value.text} />
      )}
    </div>
  );
}

/** A text in Markdown. */
export function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => lexer(text, { gfm: true }), [text]);
  return (
    <article class="markdown">
      <Blocks tokens={tokens} depth={0} />
    </article>
  );
}

function Blocks({ tokens, depth }: { tokens: readonly Token[]; depth: number }) {
  return (
    <>
      {tokens.map((token, index) => (
        <Block key={index} token={token} depth={depth} />
      ))}
    </>
  );
}

function Block({ token, depth }: { token: Token; depth: number }): ComponentChildren {
  if (depth > depthMax) return <pre>{token.raw}</pre>;
  switch (token.type) {
    case 'heading':
      return <Heading level={(token as Tokens.Heading).depth}>{inline(token, depth)}</Heading>;
    case 'paragraph':
      return <p>{inline(token, depth)}</p>;
    case 'text':
      return <>{inline(token, depth)}</>;
    case 'code':
      return (
        <pre>
          <Code
            text={(token as Tokens.Code).text}
            language={languageNamed((token as Tokens.Code).lang?.split(/\W/)[0] ?? '')}
          />
        </pre>
      );
    case 'blockquote':
      return (
        <blockquote>
          <Blocks tokens={(token as Tokens.Blockquote).tokens} depth={depth + 1} />
        </blockquote>
      );
    case 'list':
      return <List list={token as Tokens.List} depth={depth} />;
    case 'table':
      return <MarkdownTable table={token as Tokens.Table} depth={depth} />;
    case 'hr':
      return <hr />;
    case 'space':
    case 'def':
      return null;
    default:
      return <pre class="quiet">{token.raw}</pre>;
  }
}

/** The headings of a document come below those of the screen. */
function Heading({ level, children }: { level: number; children: ComponentChildren }) {
  if (level === 1) return <h2>{children}</h2>;
  if (level === 2) return <h3>{children}</h3>;
  return level === 3 ? <h4>{children}</h4> : <h5>{children}</h5>;
}

function List({ list, depth }: { list: Tokens.List; depth: number }) {
  const items = list.items.map((item, index) => (
    <li key={index}>
      {item.task ? (
        <input type="checkbox" checked={item.checked === true} disabled aria-label="done" />
      ) : null}
      <Blocks tokens={item.tokens.filter(({ type }) => type !== 'checkbox')} depth={depth + 1} />
    </li>
  ));
  return list.ordered ? <ol start={Number(list.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function MarkdownTable({ table, depth }: { table: Tokens.Table; depth: number }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <table tabIndex={0}>
      <thead>
        <tr>
          {table.header.map((cell, index) => (
            <th key={index}>{inline(cell, depth)}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {table.rows.map((row, at) => (
          <tr key={at}>
            {row.map((cell, index) => (
              <td key={index}>{inline(cell, depth)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function inline(
  token: { readonly tokens?: Token[]; readonly text?: string },
  depth: number,
): ComponentChildren {
  if (token.tokens === undefined || depth > depthMax) return plain(token.text ?? '');
  return token.tokens.map((inner, index) => <Inline key={index} token={inner} depth={depth + 1} />);
}

function Inline({ token, depth }: { token: Token; depth: number }): ComponentChildren {
  switch (token.type) {
    case 'strong':
      return <strong>{inline(token as Tokens.Strong, depth)}</strong>;
    case 'em':
      return <em>{inline(token as Tokens.Em, depth)}</em>;
    case 'del':
      return <del>{inline(token as Tokens.Del, depth)}</del>;
    case 'codespan':
      return <code>{(token as Tokens.Codespan).text}</code>;
    case 'br':
      return <br />;
    case 'link':
      return <Link link={token as Tokens.Link} depth={depth} />;
    case 'image':
      return (
        <span class="quiet" title={(token as Tokens.Image).href}>
          [image: {(token as Tokens.Image).text || (token as Tokens.Image).href}]
        </span>
      );
    case 'text':
    case 'escape':
      return 'tokens' in token && token.tokens !== undefined
        ? inline(token as Tokens.Text, depth)
        : plain((token as Tokens.Text).text);
    default:
      return token.raw;
  }
}

/** The parser writes some characters as HTML has them. */
function plain(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

function Link({ link, depth }: { link: Tokens.Link; depth: number }) {
  const isWeb = /^https?:\/\//i.test(link.href);
  if (!isWeb) return <span title={link.href}>{inline(link, depth)}</span>;
  return (
    <a href={link.href} target="_blank" rel="noopener noreferrer" title={link.href}>
      {inline(link, depth)}
    </a>
  );
}
