/** The keys. */
import { Dialog } from './dialog.tsx';

const keys = [
  ['/', 'the filter or the search of the screen'],
  ['j, k', 'the next row, the row before'],
  ['Enter', 'opens the row'],
  ['g s', 'sessions'],
  ['g c', 'compare'],
  ['g l', 'share links'],
  ['g u', 'usage'],
  ['g r', 'retention'],
  ['g o', 'the store'],
  ['t', 'light, dark, as the system'],
  ['Escape', 'leaves a field or a dialog'],
  ['?', 'these keys'],
] as const;

/** A dialog with all keys. */
export function Help({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" close={close}>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
