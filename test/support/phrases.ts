/** Phrases that must be read twice, as a translation has them, and what to write instead: see "Words" in CONTRIBUTING.md. */

interface Phrase {
  /** In any case of the letters. A space also stands for the break of a line, in comments too. */
  readonly pattern: string;
  readonly instead: string;
  /** A text that has it. */
  readonly sample: string;
}

/** All of them. A pattern stands for whole words. */
export const phrases: readonly Phrase[] = [
  { pattern: 'whom?ever', instead: 'all who, every caller', sample: 'for whoever asks' },
  { pattern: 'nobody', instead: 'no user, no caller', sample: 'a key that nobody has' },
  { pattern: '(is|are|was|were|be|been) there', instead: 'exists', sample: 'a file that is there' },
  { pattern: 'there (is|are|was|were)', instead: 'exists', sample: 'there are no sessions' },
  { pattern: '(is|are|was|were) no(?! longer| more)', instead: 'is not a', sample: 'the text is no address' },
  { pattern: '(is|are|was|were) none of', instead: 'is not', sample: 'what is none of these' },
  { pattern: 'of (which|whom) (it|they|no)', instead: 'with, whose', sample: 'of which it says the size' },
  { pattern: 'by which (it|they)', instead: 'that, with which', sample: 'a name by which it is known' },
  {
    pattern: 'what (a|an|the) \\w+ answers with',
    instead: 'the result',
    sample: 'What a push answers with.',
  },
  { pattern: 'what (is|are|was|were) to be', instead: 'the … to …', sample: 'what is to be deleted' },
  { pattern: 'what had', instead: 'the … that had', sample: 'what had ended before' },
  { pattern: 'where they may', instead: 'is visible to', sample: 'is shown where they may see it' },
  {
    pattern: '(is|are|was|were|be|been) told',
    instead: 'gets, learns, reports',
    sample: 'the caller is told why',
  },
  { pattern: 'so (many|much|few)', instead: 'as many … as, this many', sample: 'at most so many bytes' },
  { pattern: 'as long as nothing else', instead: 'until', sample: 'as long as nothing else has come' },
  { pattern: 'anew', instead: 'again', sample: 'it begins anew' },
  { pattern: 'for ever', instead: 'forever, without a limit', sample: 'kept for ever' },
  { pattern: 'all but|but for', instead: 'except', sample: 'all but for the last' },
  { pattern: 'at all possible', instead: 'if possible', sample: 'if that is at all possible' },
  { pattern: 'beside', instead: 'next to, in addition to', sample: 'a file beside it' },
  {
    pattern: '(gives?|gave|given)( \\w+){0,4} back',
    instead: 'returns',
    sample: 'gives the same artifact back',
  },
  { pattern: 'as far as', instead: 'if, the part that', sample: 'as far as that is known' },
  { pattern: 'in whatever way', instead: 'however', sample: 'in whatever way it ends' },
  { pattern: 'holders?', instead: 'payer, owner, bearer', sample: 'every holder of a key' },
  {
    pattern: '(can|could|may|might|must|cannot|would) hold',
    instead: 'contain, have, carry',
    sample: 'a value that no header can hold',
  },
  {
    pattern: 'holds (an?|the|its?|their|this|that|no|more|much|everything|nothing|what|only)',
    instead: 'contains, has, keeps',
    sample: 'a file that holds the digest',
  },
  {
    pattern: 'held (an?|the|it|them|by|in|to)',
    instead: 'had, kept, contained, stored',
    sample: 'a lock that is held by a process',
  },
  {
    pattern: '(hold|holds|held|holding) (up|back|open)',
    instead: 'delays, stops, keeps open',
    sample: 'one call holds up the others',
  },
];

/** White space, and what stands before a line of a comment. */
const gap = '[\\s*/#]+';

/** @returns what to write instead of each of the phrases in a text that begins at this line of a file. */
export function phrasesIn(path: string, text: string, line = 1): string[] {
  return phrases.flatMap(({ pattern, instead }) => {
    const regex = new RegExp(`\\b(?:${pattern.replaceAll(' ', gap)})\\b`, 'gi');
    return [...text.matchAll(regex)].map((match) => {
      const within = text.slice(0, match.index).split('\n').length - 1;
      return `${path}:${line + within}: for “${match[0]}” write ${instead}`;
    });
  });
}
