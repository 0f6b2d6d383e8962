/** The page that Chromium opens: it has the checks, and runs each when `main.ts` asks for it. */
import { connect } from '../../src/client/web/published.ts';
import { checks, runCheck, type Surroundings } from './checks.ts';

Object.assign(globalThis, {
  checkNames: Object.keys(checks),
  /** Returns what went wrong; empty if nothing did. */
  runCheck: async (name: string, surroundings: Surroundings) => {
    try {
      await runCheck(name, surroundings);
      return '';
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  },
  /** Returns code and message of the error of a call. */
  errorOf: async (url: string) => {
    const store = await connect(url, { retry: { attemptsMax: 1 } });
    try {
      await store.get('run/a');
      return 'none';
    } catch (error) {
      const { code, message } = error as { readonly code: string; readonly message: string };
      return `${code}: ${message}`;
    }
  },
  /** A file that a user chooses, and that changes before it is pushed. */
  pushChosen: async (url: string, name: string) => {
    const { document } = globalThis as unknown as {
      document: { querySelector(name: string): { files: File[] } };
    };
    const store = await connect(url, { retry: { attemptsMax: 2, delayMsFirst: 1 } });
    try {
      const { artifact } = await store.push(document.querySelector('input').files[0]!, {
        session: 'chosen',
        name,
      });
      return `${artifact.sizeBytes}`;
    } catch (error) {
      return (error as Error).name;
    }
  },
});
