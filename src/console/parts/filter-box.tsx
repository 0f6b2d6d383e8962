/** The box for filters: completes while one types, and shows what is wrong under the column where it is. */
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

/** The box. `/` goes to it, Enter applies, the arrows and Tab choose. */
export function FilterBox({ filter, apply, failure, placeholder, complete }: FilterBoxProps) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(filter);
  const [offer, setOffer] = useState<Offer>();
  useEffect(() => setText(filter), [filter]);
  useKeys({ '/': () => field.current?.focus() });
  // The field may be ahead of the page that was drawn last.
  const completion = () => {
    const { value = '', selectionStart } = field.current ?? {};
    return complete(value, selectionStart ?? value.length);
  };
  const suggest = () => {
    const found = completion();
    setOffer(found.options.length === 0 ? undefined : { ...found, at: -1 });
  };
  const choose = (option: string | undefined) => {
    const { current } = field;
    if (current === null || option === undefined) return;
    const { from, to } = completion();
    current.value = current.value.slice(0, from) + option + current.value.slice(to);
    setText(current.value);
    setOffer(undefined);
    current.focus();
  };
  const press = (event: KeyboardEvent) => {
    const { key } = event;
    if (key === 'Escape') setOffer(undefined);
    if (offer !== undefined && (key === 'ArrowDown' || key === 'ArrowUp')) {
      event.preventDefault();
      const { length } = offer.options;
      setOffer({ ...offer, at: (offer.at + (key === 'ArrowDown' ? 1 : length)) % length });
    } else if (offer !== undefined && (key === 'Tab' || (key === 'Enter' && offer.at >= 0))) {
      event.preventDefault();
      choose(completion().options[Math.max(0, offer.at)]);
    } else if (key === 'Enter') {
      setOffer(undefined);
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
          suggest();
        }}
        onFocus={suggest}
        onBlur={() => setOffer(undefined)}
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
