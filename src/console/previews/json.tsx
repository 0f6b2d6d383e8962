/** JSON as a tree. Of a large document only the beginning is read, and any part of it by its pointer. */
import { useMemo, useState } from 'preact/hooks';
import { counted } from '../base/format.ts';
import { readPiece } from '../calls/read.ts';
import { type JsonNode, parsePartial } from '../contents/partial-json.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { TextPreview } from './text.tsx';

/** Bytes of a value that are read at once. */
const valueBytes = 512 * 1024;
/** Members of one value that are shown at once. */
const membersStep = 200;
/** Characters of a text that are shown before one asks for more. */
const textMax = 400;

/** The preview. */
export function JsonPreview({ id, bytes }: { id: string; bytes: number }) {
  const [pointer, setPointer] = useState('');
  const [typed, setTyped] = useState('');
  const { value, failure, again } = useCall(`${id} ${pointer}`, (signal) =>
    readPiece(id, { case: 'json', value: { pointer } }, { maxBytes: valueBytes, signal }),
  );
  const root = useMemo(() => (value === undefined ? undefined : parsePartial(value.text, pointer)), [value]);
  const isUnsuitable = failure?.reason === 'CONTENT_UNSUITABLE';
  return (
    <div class="preview json-preview">
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          setPointer(typed.trim());
        }}
      >
        <label>
          pointer{' '}
          <input
            type="search"
            value={typed}
            placeholder="/rows/0/total"
            spellcheck={false}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Show</button>
        {pointer === '' ? null : (
          <button
            type="button"
            onClick={() => {
              setPointer('');
              setTyped('');
            }}
          >
            Whole document
          </button>
        )}
      </form>
      <FailureBox failure={failure} again={isUnsuitable ? undefined : again} />
      {isUnsuitable ? <TextPreview id={id} bytes={bytes} /> : null}
      {value === undefined && failure === undefined ? <Loading what="the document" /> : null}
      {value?.nextCursor ? (
        <p class="quiet note">The beginning of the value; a pointer shows any other part of it.</p>
      ) : null}
      {value !== undefined && root === undefined ? <TextPreview id={id} bytes={bytes} /> : null}
      {root === undefined ? null : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        <div class="tree" tabIndex={0}>
          <Node node={root} depth={0} follow={setPointer} />
        </div>
      )}
    </div>
  );
}

interface NodeProps {
  readonly node: JsonNode;
  readonly depth: number;
  /** Reads a value by itself. */
  readonly follow: ((pointer: string) => void) | undefined;
}

/** A value with its members. */
export function Node({ node, depth, follow }: NodeProps) {
  const [isOpen, setOpen] = useState(depth < 2);
  const [shown, setShown] = useState(membersStep);
  const { kind, key, members, isCut, pointer } = node;
  if (kind !== 'object' && kind !== 'array')
    return (
      <div class="node leaf" title={pointer}>
        <Key name={key} />
        <Scalar node={node} />
      </div>
    );
  const [begin, end] = kind === 'object' ? '{}' : '[]';
  return (
    <details class="node" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary title={pointer}>
        <Key name={key} />
        <span class="quiet">
          {begin} {counted(members.length, kind === 'object' ? 'member' : 'item')}
          {isCut ? ' so far' : ''} {end}
        </span>
      </summary>
      {isOpen ? (
        <div class="members">
          {members.slice(0, shown).map((member) => (
            <Node key={member.key} node={member} depth={depth + 1} follow={follow} />
          ))}
          {members.length > shown ? (
            <button type="button" class="small" onClick={() => setShown(shown + membersStep)}>
              {counted(members.length - shown, 'more')}
            </button>
          ) : isCut && follow !== undefined && depth > 0 ? (
            <button type="button" class="small" onClick={() => follow(pointer)}>
              read this value
            </button>
          ) : null}
        </div>
      ) : null}
    </details>
  );
}

function Key({ name }: { name: string }) {
  return name === '' ? null : (
    <span class="json-key">
      <bdi>{name}</bdi>:{' '}
    </span>
  );
}

function Scalar({ node: { kind, text, isCut } }: { node: JsonNode }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = text.length > textMax && !isWhole;
  return (
    <>
      <span class={`json-${kind}`}>
        <bdi>{isLong ? `${text.slice(0, textMax)}…` : text}</bdi>
      </span>
      {isCut ? <span class="quiet"> (goes on)</span> : null}
      {isLong ? (
        <button type="button" class="small" onClick={() => setWhole(true)}>
          {counted(text.length - textMax, 'more character')}
        </button>
      ) : null}
    </>
  );
}
