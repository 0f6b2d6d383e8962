/** Links with which others read one version without credentials. */
import { useState } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { millis, readTtl } from '../base/format.ts';
import { artifacts } from '../calls/clients.ts';
import { rights } from '../calls/rights.ts';
import { Ago, FailureBox, Line, Loading } from '../parts/marks.tsx';
import { useAction, useCall } from '../parts/use-call.ts';

/** The links of an artifact, and a form for a new one. */
export function Links({ artifact }: { artifact: Artifact }) {
  const { canShare } = rights.value;
  if (canShare === undefined) return <Loading what="links" />;
  if (!canShare) return <p class="quiet">These credentials cannot make links.</p>;
  return <Allowed id={artifact.id} />;
}

function Allowed({ id }: { id: string }) {
  const by = { by: { case: 'id', value: id } } as const;
  const { value, failure, again } = useCall(`links ${id}`, (signal) =>
    artifacts.listShareLinks({ scope: { case: 'artifact', value: by } }, { signal }),
  );
  const { isActing, failure: refused, act } = useAction();
  const [ttl, setTtl] = useState('24h');
  const [made, setMade] = useState('');
  const seconds = readTtl(ttl);
  const make = (event: Event) => {
    event.preventDefault();
    if (seconds === undefined) return;
    void act(async () => {
      const expiry = { case: 'ttl', value: { seconds, nanos: 0 } } as const;
      const { url, path } = await artifacts.createShareLink({ artifact: by, expiry });
      setMade(url === '' ? `${location.origin}${path}` : url);
      again();
    });
  };
  const revoke = (link: string) =>
    act(async () => {
      await artifacts.revokeShareLinks({ target: { case: 'shareLinkId', value: link } });
      again();
    });
  return (
    <>
      <form class="pair-form" onSubmit={make}>
        <label>
          for{' '}
          <input type="text" value={ttl} size={6} onInput={(event) => setTtl(event.currentTarget.value)} />
        </label>
        <button type="submit" disabled={isActing || seconds === undefined}>
          Make a link
        </button>
      </form>
      {seconds === undefined ? <p class="fault">must be a time such as 90s, 24h or 7d</p> : null}
      {made === '' ? null : (
        <>
          <p>Anyone who has this link can read this version. It is shown only now:</p>
          <Line text={made} />
        </>
      )}
      <FailureBox failure={refused ?? failure} />
      <ul class="plain-list">
        {value?.shareLinks.map((link) => (
          <li key={link.id}>
            <code>{link.id}</code> ends <Ago time={millis(link.expireTime)} />{' '}
            <button type="button" class="small" disabled={isActing} onClick={() => void revoke(link.id)}>
              Revoke
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
