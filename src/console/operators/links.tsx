/** All share links of the namespace: who made them, what they open, and until when. */
import { useState } from 'preact/hooks';
import type { ShareLink } from '../../../gen/artifacta/v1/share_link_pb.ts';
import { counted, millis } from '../base/format.ts';
import { artifactHref, sessionHref } from '../base/place.ts';
import { artifacts } from '../calls/clients.ts';
import { Ago, Badge, FailureBox, Line, Loading } from '../parts/marks.tsx';
import { useAction, useCall } from '../parts/use-call.ts';
import { Cell, HeadCell, WindowList } from '../parts/window-list.tsx';

/** The most links that are listed. */
const linksMax = 10_000;

async function readAll(showEnded: boolean, signal: AbortSignal): Promise<readonly ShareLink[]> {
  const links: ShareLink[] = [];
  for (let pageToken = ''; ; ) {
    const page = await artifacts.listShareLinks({ showEnded, pageSize: 1_000, pageToken }, { signal });
    links.push(...page.shareLinks);
    pageToken = page.nextPageToken;
    if (pageToken === '' || links.length >= linksMax)
      return links.sort((a, b) => (millis(b.createTime) ?? 0) - (millis(a.createTime) ?? 0));
  }
}

/** The screen. */
export function LinksScreen() {
  const [showsEnded, setShowsEnded] = useState(false);
  const { value, failure, again } = useCall(`links ${showsEnded}`, (signal) => readAll(showsEnded, signal));
  const { isActing, failure: refused, act } = useAction();
  const revoke = (id: string) =>
    act(async () => {
      await artifacts.revokeShareLinks({ target: { case: 'shareLinkId', value: id } });
      again();
    });
  return (
    <section class="screen">
      <header class="title">
        <h1>Share links</h1>
        <label class="check">
          <input
            type="checkbox"
            checked={showsEnded}
            onChange={(event) => setShowsEnded(event.currentTarget.checked)}
          />
          also those that have ended
        </label>
      </header>
      <FailureBox failure={refused ?? failure} again={again} />
      {value === undefined ? (
        failure === undefined ? (
          <Loading what="links" />
        ) : null
      ) : value.length === 0 ? (
        <div class="empty">
          <h2>No links</h2>
          <p>
            A link lets somebody without credentials read one version. The screen of an artifact makes one,
            and so does:
          </p>
          <Line text="artifacta share run_42/output.json --ttl 24h" />
        </div>
      ) : (
        <>
          <p class="quiet note" role="status">
            {counted(value.length, 'link')}
          </p>
          <Links links={value} isActing={isActing} revoke={(id) => void revoke(id)} />
        </>
      )}
    </section>
  );
}

interface LinksProps {
  readonly links: readonly ShareLink[];
  readonly isActing: boolean;
  readonly revoke: (id: string) => void;
}

function Links({ links, isActing, revoke }: LinksProps) {
  return (
    <WindowList
      label="Share links"
      length={links.length}
      rowHeight={36}
      columns="links-columns"
      keyOf={(index) => links[index]!.id}
      head={
        <>
          <HeadCell>artifact</HeadCell>
          <HeadCell kind="wide">by</HeadCell>
          <HeadCell kind="time wide">made</HeadCell>
          <HeadCell kind="time">ends</HeadCell>
          <HeadCell>action</HeadCell>
        </>
      }
      row={(index) => <LinkRow link={links[index]!} isActing={isActing} revoke={revoke} />}
    />
  );
}

function LinkRow({
  link,
  isActing,
  revoke,
}: {
  link: ShareLink;
  isActing: boolean;
  revoke: (id: string) => void;
}) {
  const { id, artifactId, session, name, version, createTime, expireTime, revokeTime, creator } = link;
  const isOver = revokeTime !== undefined || (millis(expireTime) ?? 0) < Date.now();
  return (
    <>
      <Cell kind="name">
        <a href={sessionHref(session)}>
          <bdi>{session}</bdi>
        </a>
        {' / '}
        <a href={artifactHref(artifactId)}>
          <bdi>{name}</bdi>
        </a>{' '}
        <span class="quiet">v{version.toString()}</span>
      </Cell>
      <Cell kind="wide quiet">{creator}</Cell>
      <Cell kind="time wide">
        <Ago time={millis(createTime)} />
      </Cell>
      <Cell kind="time">
        <Ago time={millis(expireTime)} />
      </Cell>
      <Cell>
        {isOver ? (
          <Badge kind="gone">{revokeTime === undefined ? 'expired' : 'revoked'}</Badge>
        ) : (
          <button
            type="button"
            class="small"
            disabled={isActing}
            onClick={() => revoke(id)}
            aria-label={`Revoke the link to ${name}`}
          >
            Revoke
          </button>
        )}
      </Cell>
    </>
  );
}
