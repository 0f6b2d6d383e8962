/** Keys that work wherever no text is being typed: single ones, and two in a row such as `g s`. */
import { useEffect, useRef } from 'preact/hooks';
import { after } from './timer.ts';

/** What keys do, by `a` or `a b`. */
type Keys = Readonly<Record<string, () => void>>;

/** How long the second key of two may take, in milliseconds. */
const secondMs = 1_200;

const listening: { current: Keys }[] = [];
let first = '';
let forget = () => {};

function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return (
    element?.isContentEditable === true || ['INPUT', 'TEXTAREA', 'SELECT'].includes(element?.tagName ?? '')
  );
}

function press(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const { key } = event;
  // A dialog has its own keys.
  if (document.querySelector('dialog[open]') !== null) return;
  if (isTyping(event.target)) {
    if (key === 'Escape') (event.target as HTMLElement).blur();
    return;
  }
  // Links and buttons that have the focus are what Enter and the space bar act on.
  const acts = (event.target as Element | null)?.closest?.('a, button, summary');
  if (acts && (key === 'Enter' || key === ' ')) return;
  const both = first === '' ? key : `${first} ${key}`;
  // Those of the inner parts of a screen come first.
  for (const { current } of listening.toReversed()) {
    const work = current[both] ?? current[key];
    if (work === undefined) continue;
    event.preventDefault();
    first = '';
    work();
    return;
  }
  forget();
  const begins = listening.some(({ current }) =>
    Object.keys(current).some((keys) => keys.startsWith(`${key} `)),
  );
  first = begins ? key : '';
  forget = after(secondMs, () => {
    first = '';
  });
}

/** Listens to keys while a part of the page is shown. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    if (listening.length === 0) document.addEventListener('keydown', press);
    listening.push(latest);
    return () => {
      listening.splice(listening.indexOf(latest), 1);
      if (listening.length === 0) document.removeEventListener('keydown', press);
    };
  }, []);
}
