/** What the filter box can complete: what the list shows, and what the service has answered so far. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { FieldOwner } from '../../../gen/artifacta/v1/field_values_pb.ts';
import type { Session } from '../../../gen/artifacta/v1/session_pb.ts';
import { artifacts } from '../calls/clients.ts';
import { type Known, knownFrom, questionOf, withAnswer } from './completion.ts';

/** Answers that are kept while a screen is shown. */
const answersMax = 200;
const valuesMax = 50;
/** The service takes no longer prefix. */
const prefixBytesMax = 256;

type Question = NonNullable<ReturnType<typeof questionOf>>;
type Answers = ReadonlyMap<string, { readonly question: Question; readonly values: readonly string[] }>;

/** Returns what is known, and a function that asks the service about the text before the caret, once for each text. */
export function useKnown(sessions: readonly Session[]): {
  readonly known: Known;
  readonly ask: (text: string, caret: number) => void;
} {
  const [answers, setAnswers] = useState<Answers>(new Map());
  const asked = useRef(new Set<string>());
  const ended = useRef(new AbortController());
  useEffect(() => () => ended.current.abort(), []);
  const known = useMemo(
    () =>
      [...answers.values()].reduce(
        (all, { question, values }) => withAnswer(all, question, values),
        knownFrom(sessions),
      ),
    [sessions, answers],
  );
  const ask = (text: string, caret: number) => {
    const question = questionOf(text, caret);
    if (question === undefined || new TextEncoder().encode(question.prefix).length > prefixBytesMax) return;
    const name = JSON.stringify(question);
    if (asked.current.has(name) || asked.current.size >= answersMax) return;
    asked.current.add(name);
    const request = { ...question, owner: FieldOwner.SESSION, maxValues: valuesMax };
    artifacts.listFieldValues(request, { signal: ended.current.signal }).then(
      ({ values }) => setAnswers((before) => new Map([...before, [name, { question, values }]])),
      // Completion is an offer: without an answer, what the list shows is still offered.
      () => asked.current.delete(name),
    );
  };
  return { known, ask };
}
