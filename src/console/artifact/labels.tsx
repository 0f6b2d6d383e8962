/** The labels of an artifact, edited in place. */
import { useState } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { artifacts } from '../calls/clients.ts';
import { rights } from '../calls/rights.ts';
import { FailureBox } from '../parts/marks.tsx';
import { useAction } from '../parts/use-call.ts';

interface LabelsProps {
  readonly artifact: Artifact;
  readonly changed: () => void;
}

/** The labels; those who may write can change them. */
export function Labels({ artifact, changed }: LabelsProps) {
  const { isActing, failure, act } = useAction();
  const { canWrite } = rights.value;
  const { labels } = artifact;
  const save = async (next: Readonly<Record<string, string>>) => {
    const request = {
      artifact: { by: { case: 'id' as const, value: artifact.id } },
      changes: { labels: { ...next } },
      updateMask: { paths: ['labels'] },
      // Another tab may have changed them.
      etag: artifact.etag,
    };
    const isSaved = await act(async () => void (await artifacts.updateArtifact(request)));
    if (isSaved) changed();
    return isSaved;
  };
  const without = (gone: string) =>
    Object.fromEntries(Object.entries(labels).filter(([key]) => key !== gone));
  return (
    <>
      {Object.keys(labels).length === 0 ? <p class="quiet">None.</p> : null}
      <dl class="table">
        {Object.entries(labels).map(([key, value]) => (
          <div key={key}>
            <dt>
              <bdi>{key}</bdi>
            </dt>
            <dd>
              {canWrite ? (
                <Value
                  name={key}
                  value={value}
                  isActing={isActing}
                  change={(text) => void save({ ...labels, [key]: text })}
                  remove={() => void save(without(key))}
                />
              ) : (
                <bdi>{value}</bdi>
              )}
            </dd>
          </div>
        ))}
      </dl>
      {canWrite ? (
        <NewLabel isActing={isActing} add={(key, value) => save({ ...labels, [key]: value })} />
      ) : null}
      <FailureBox failure={failure} />
    </>
  );
}

interface ValueProps {
  readonly name: string;
  readonly value: string;
  readonly isActing: boolean;
  readonly change: (value: string) => void;
  readonly remove: () => void;
}

function Value({ name, value, isActing, change, remove }: ValueProps) {
  return (
    <>
      <input
        type="text"
        aria-label={`Value of ${name}`}
        defaultValue={value}
        disabled={isActing}
        onChange={(event) => change(event.currentTarget.value)}
      />
      <button type="button" class="small" disabled={isActing} onClick={remove} aria-label={`Remove ${name}`}>
        ✕
      </button>
    </>
  );
}

interface NewLabelProps {
  readonly isActing: boolean;
  /** Resolves with whether the label was stored. */
  readonly add: (key: string, value: string) => Promise<boolean>;
}

function NewLabel({ isActing, add }: NewLabelProps) {
  const [key, setKey] = useState('');
  const [value, setValue] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    if (key.trim() === '' || !(await add(key.trim(), value))) return;
    setKey('');
    setValue('');
  };
  return (
    <form class="pair-form" onSubmit={(event) => void submit(event)}>
      <input
        type="text"
        aria-label="New label"
        placeholder="key"
        value={key}
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <input
        type="text"
        aria-label="Its value"
        placeholder="value"
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
      />
      <button type="submit" disabled={isActing}>
        Add
      </button>
    </form>
  );
}
