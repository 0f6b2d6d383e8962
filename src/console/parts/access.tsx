/** The token of the reader: pasted once, kept for the tab. */
import { useState } from 'preact/hooks';
import { identify, namespace, token } from '../calls/token.ts';
import { Dialog } from './dialog.tsx';
import { Line } from './marks.tsx';

/** Asks for a token, in place of a screen. */
export function Identify() {
  return (
    <section class="empty">
      <h1>Who are you?</h1>
      <p>
        {token.value === ''
          ? 'This service requires credentials. If you logged in on another page before, that login may have ended: load this page again.'
          : 'The token is not valid, or not any more: it may have ended or been revoked.'}
      </p>
      <TokenForm done={() => undefined} />
      <p>On a machine where the command line has access, this opens the console with a token of its own:</p>
      <Line text="artifacta console" />
    </section>
  );
}

/** Shows and changes the credentials of this tab. */
export function Access({ close }: { close: () => void }) {
  return (
    <Dialog title="Access" close={close}>
      <p>
        {token.value === '' ? 'This tab has no token.' : 'This tab has a token.'} It is kept until the tab is
        closed, and goes nowhere except to this service.
      </p>
      <TokenForm done={close} />
    </Dialog>
  );
}

function TokenForm({ done }: { done: () => void }) {
  const [given, setGiven] = useState('');
  const [chosen, setChosen] = useState(namespace.peek());
  const text = given.trim();
  const fault = /^[\x21-\x7e]{0,8192}$/.test(text)
    ? ''
    : 'token: must have no spaces, and only ASCII characters';
  const submit = (event: Event) => {
    event.preventDefault();
    if (fault !== '') return;
    identify(text === '' ? token.peek() : text, chosen.trim());
    done();
  };
  return (
    <form class="fields" onSubmit={submit}>
      <label>
        Token or API key
        <input
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={given}
          placeholder={token.value === '' ? 'ark_… or arc_…' : 'unchanged'}
          onInput={(event) => setGiven(event.currentTarget.value)}
        />
      </label>
      <label>
        Namespace
        <input
          type="text"
          spellcheck={false}
          value={chosen}
          placeholder="that of the credentials"
          onInput={(event) => setChosen(event.currentTarget.value)}
        />
      </label>
      {fault === '' ? null : <p class="fault">{fault}</p>}
      <div class="buttons">
        <button type="submit" class="main">
          Use
        </button>
        {token.value === '' ? null : (
          <button
            type="button"
            onClick={() => {
              identify('', chosen.trim());
              done();
            }}
          >
            Forget the token
          </button>
        )}
      </div>
    </form>
  );
}
