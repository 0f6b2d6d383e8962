/** Replays: the events that watchers get first, read from the index for all watchers. */
import { turn } from '../../domain/timer.ts';
import type { FeedEvent } from './feed.ts';

type Page = readonly FeedEvent[];

/** The most pages that are read at once. */
const readingMax = 4;

/**
 * Reads pages of feeds, few at once, each in a turn of the event loop. A page is read once for all callers that ask for
 * it meanwhile.
 */
export class Replays {
  private readonly pages = new Map<string, Promise<Page>>();
  private readonly line: (() => void)[] = [];
  private reading = 0;

  /**
   * @param place the feed of the page, and the sequence after which the page begins. A caller that asks for the page
   * while it is read gets the same events.
   */
  page(place: string, read: () => Promise<Page>): Promise<Page> {
    const page =
      this.pages.get(place) ??
      this.inLine(read).finally(() => {
        this.pages.delete(place);
      });
    this.pages.set(place, page);
    return page;
  }

  private async inLine(read: () => Promise<Page>): Promise<Page> {
    if (this.reading >= readingMax) await new Promise<void>((resolve) => this.line.push(resolve));
    else this.reading++;
    try {
      await turn();
      return await read();
    } finally {
      const next = this.line.shift();
      // The place goes to the next caller in line.
      if (next === undefined) this.reading--;
      else next();
    }
  }
}
