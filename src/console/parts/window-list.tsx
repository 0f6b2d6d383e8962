/** A long list, of which only the rows in view exist in the page. */
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useKeys } from '../base/keys.ts';
import { rowsInView } from './rows-in-view.ts';

/** How far a list is scrolled to the side, and the width of its view, in pixels. */
export interface ScrolledSideways {
  readonly left: number;
  readonly width: number;
}

interface WindowListProps {
  readonly label: string;
  /** The number of rows that exist. */
  readonly length: number;
  /** In pixels; every row has it. */
  readonly rowHeight: number;
  readonly keyOf: (index: number) => string;
  readonly row: (index: number) => ComponentChildren;
  /** Called with the row that `j` and `k` have reached when Enter is pressed. */
  readonly onOpen?: (index: number) => void;
  /** Called when the last row comes into view. */
  readonly onEnd?: (() => void) | undefined;
  /** The names of columns, above the rows. */
  readonly head?: ComponentChildren;
  readonly columns?: string;
  /** Whether the last rows are in view at first. */
  readonly startsAtEnd?: boolean;
  /** The number of columns, if not all of them exist in the page. */
  readonly columnCount?: number;
  /** Called when the list is scrolled to the side, or gets another width. */
  readonly onSideways?: (view: ScrolledSideways) => void;
  /** Gets a function that scrolls to the side. */
  readonly scrollTo?: { current: (left: number) => void };
}

/** How many rows above and below the view exist too. */
const spare = 8;

function useSelection(length: number, onOpen: WindowListProps['onOpen'], show: (index: number) => void) {
  const [selected, setSelected] = useState(-1);
  // Keys may come faster than the page is drawn.
  const at = useRef(-1);
  const move = (to: number) => {
    if (length === 0) return;
    at.current = Math.min(Math.max(to, 0), length - 1);
    setSelected(at.current);
    show(at.current);
  };
  useKeys({
    j: () => move(at.current + 1),
    k: () => move(at.current - 1),
    ArrowDown: () => move(at.current + 1),
    ArrowUp: () => move(at.current - 1),
    Home: () => move(0),
    End: () => move(length - 1),
    Enter: () => {
      if (at.current >= 0 && at.current < length) onOpen?.(at.current);
    },
  });
  return selected;
}

/** The part of the list that is in view. */
function useView({ onSideways, scrollTo, startsAtEnd }: WindowListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const sideways = useRef<ScrolledSideways>({ left: 0, width: 0 });
  const look = useCallback(() => {
    const { scrollTop = 0, clientHeight = 600, scrollLeft = 0, clientWidth = 0 } = scroller.current ?? {};
    const { left, width } = sideways.current;
    if (left !== scrollLeft || width !== clientWidth) {
      sideways.current = { left: scrollLeft, width: clientWidth };
      onSideways?.(sideways.current);
    }
    setView((before) =>
      before.top === scrollTop && before.height === clientHeight
        ? before
        : { top: scrollTop, height: clientHeight },
    );
  }, []);
  useLayoutEffect(() => {
    if (startsAtEnd === true) scroller.current!.scrollTop = scroller.current!.scrollHeight;
    look();
    const observer = new ResizeObserver(look);
    observer.observe(scroller.current!);
    if (scrollTo !== undefined)
      scrollTo.current = (left) => scroller.current?.scrollTo({ left, behavior: 'instant' });
    return () => observer.disconnect();
  }, []);
  return { scroller, view, look };
}

/** The list. Its keys are `j`, `k`, the arrows, Home, End and Enter. */
export function WindowList(props: WindowListProps) {
  const { label, length, rowHeight, keyOf, row, onEnd, head, columns = '' } = props;
  const { scroller, view, look } = useView(props);
  const show = (index: number) => {
    const { current } = scroller;
    if (current === null) return;
    const headHeight = head === undefined ? 0 : rowHeight;
    if (index * rowHeight < current.scrollTop) current.scrollTop = index * rowHeight;
    const bottom = (index + 1) * rowHeight + headHeight;
    if (bottom > current.scrollTop + current.clientHeight) current.scrollTop = bottom - current.clientHeight;
  };
  const selected = useSelection(length, props.onOpen, show);
  const { first, end } = rowsInView({ ...view, rowHeight, length, spare });
  const isAtEnd = end >= length;
  useEffect(() => {
    if (isAtEnd) onEnd?.();
  }, [isAtEnd, length]);
  const rows = [];
  for (let index = first; index < end; index++)
    rows.push(
      <div
        key={keyOf(index)}
        role="row"
        aria-rowindex={index + 1}
        class={`row ${columns}${index === selected ? ' selected' : ''}`}
        style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
      >
        {row(index)}
      </div>,
    );
  return (
    <div
      class="window-list"
      ref={scroller}
      onScroll={look}
      role="table"
      aria-label={label}
      aria-rowcount={length}
      aria-colcount={props.columnCount}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
    >
      {head === undefined ? null : (
        <div role="rowgroup" class="head">
          <div role="row" class={`row head-row ${columns}`} style={{ height: `${rowHeight}px` }}>
            {head}
          </div>
        </div>
      )}
      <div role="rowgroup" class="rows" style={{ height: `${length * rowHeight}px` }}>
        {rows}
      </div>
    </div>
  );
}

/** One cell of a row. */
export function Cell({ children, kind = '' }: { children?: ComponentChildren; kind?: string }) {
  return (
    <div role="cell" class={`cell ${kind}`}>
      {children}
    </div>
  );
}

/** The name of a column. */
export function HeadCell({ children, kind = '' }: { children?: ComponentChildren; kind?: string }) {
  return (
    <div role="columnheader" class={`cell ${kind}`}>
      {children}
    </div>
  );
}
