/** The box for filters: completes while one types, and shows what is wrong under the column where it is. */
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useKeys } from '../base/keys.ts';
import type { Failure } from '../calls/failure.ts';

interface FilterBoxProps {
  readonly filter: string;
  readonly apply: (filter: string) => void;
  readonly failure: Failure | undefined;
  readonly placeholder: string;
  readonly complete: (
    text: string,
    caret: number,
  ) => { readonly from: number; readonly to: number; readonly options: readonly string[] };
  /** Called with what is typed; `complete` may know more later. */
  readonly ask: (text: string, caret: number) => void;
}

/** A field with choices of its own; browsers offer a list of theirs only with `list`. */
const combobox: object = { role: 'combobox' };

/** A list of choices below the field; undefined while none is offered. */
interface Offer {
  readonly from: number;
  readonly to: number;
  readonly options: readonly string[];
  readonly at: number;
}

/** What is offered while one types, and how it is chosen. */
function useOffer(
  field: RefObject<HTMLInputElement | null>,
  { complete, ask }: Pick<FilterBoxProps, 'complete' | 'ask'>,
  setText: (text: string) => void,
) {
  const [offer, setOffer] = useState<Offer>();
  const isTyping = useRef(false);
  // The field may be ahead of the page that was drawn last.
  const typed = (): [text: string, caret: number] => {
    const { value = '', selectionStart } = field.current ?? {};
    return [value, selectionStart ?? value.length];
  };
  const suggest = () => {
    ask(...typed());
    const found = complete(...typed());
    setOffer(found.options.length === 0 ? undefined : { ...found, at: -1 });
  };
  // What is offered follows what has become known, unless a choice was begun or dismissed.
  useEffect(() => {
    if (isTyping.current && (offer?.at ?? -1) === -1) suggest();
  }, [complete]);
  const dismiss = () => {
    isTyping.current = false;
    setOffer(undefined);
  };
  const choose = (option: string | undefined) => {
    const { current } = field;
    if (current === null || option === undefined) return;
    const { from, to } = complete(...typed());
    current.value = current.value.slice(0, from) + option + current.value.slice(to);
    setText(current.value);
    dismiss();
    current.focus();
  };
  const step = (by: number) => {
    if (offer !== undefined) setOffer({ ...offer, at: (offer.at + by) % offer.options.length });
  };
  const begin = () => {
    isTyping.current = true;
    suggest();
  };
  const chosen = () => complete(...typed()).options[Math.max(0, offer?.at ?? 0)];
  return { offer, suggest, begin, dismiss, choose, step, chosen };
}

/** The box. `/` goes to it, Enter applies, the arrows and Tab choose. */
export function FilterBox({ filter, apply, failure, placeholder, complete, ask }: FilterBoxProps) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(filter);
  const { offer, suggest, begin, dismiss, choose, step, chosen } = useOffer(
    field,
    { complete, ask },
    setText,
  );
  useEffect(() => setText(filter), [filter]);
  useKeys({ '/': () => field.current?.focus() });
  const press = (event: KeyboardEvent) => {
    const { key } = event;
    if (key === 'Escape') dismiss();
    if (offer !== undefined && (key === 'ArrowDown' || key === 'ArrowUp')) {
      event.preventDefault();
      step(key === 'ArrowDown' ? 1 : offer.options.length - (offer.at < 0 ? 0 : 1));
    } else if (offer !== undefined && (key === 'Tab' || (key === 'Enter' && offer.at >= 0))) {
      event.preventDefault();
      choose(chosen());
    } else if (key === 'Enter') {
      dismiss();
      apply((event.currentTarget as HTMLInputElement).value.trim());
    }
  };
  const active = offer !== undefined && offer.at >= 0 ? `choice-${offer.at}` : undefined;
  return (
    <div class="filter-box">
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: the role is among the spread properties */}
      <input
        ref={field}
        type="search"
        {...combobox}
        aria-label="Filter"
        aria-expanded={offer !== undefined}
        aria-controls="choices"
        aria-autocomplete="list"
        aria-activedescendant={active}
        aria-invalid={failure !== undefined}
        spellcheck={false}
        autocomplete="off"
        placeholder={placeholder}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          begin();
        }}
        onFocus={suggest}
        onBlur={dismiss}
        onKeyDown={press}
      />
      {offer === undefined ? null : <Choices offer={offer} choose={choose} />}
      <FilterFault text={text} failure={failure} />
    </div>
  );
}

function Choices({ offer, choose }: { offer: Offer; choose: (option: string) => void }) {
  return (
    <div id="choices" role="listbox" aria-label="Completions" class="choices">
      {offer.options.map((option, at) => (
        <div
          key={option}
          id={`choice-${at}`}
          role="option"
          tabIndex={-1}
          aria-selected={at === offer.at}
          // The field keeps the focus.
          onMouseDown={(event) => {
            event.preventDefault();
            choose(option);
          }}
        >
          {option}
        </div>
      ))}
    </div>
  );
}

/** What is wrong with a filter, with a mark under the column that the service names. */
function FilterFault({ text, failure }: { text: string; failure: Failure | undefined }) {
  if (failure === undefined) return null;
  const { column, message } = failure;
  if (column === undefined)
    return (
      <p class="filter-fault" role="alert">
        {message}
      </p>
    );
  return (
    <div class="filter-fault" role="alert">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <pre tabIndex={0}>{`${text}\n${' '.repeat(Math.min(column - 1, text.length))}^`}</pre>
      <p>{message}</p>
    </div>
  );
}
