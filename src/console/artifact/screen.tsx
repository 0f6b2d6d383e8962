/** An artifact: what it contains, what is known about it, and what can be done with it. */
import { useEffect } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { counted, millis, size } from '../base/format.ts';
import { place, sessionHref } from '../base/place.ts';
import { artifacts } from '../calls/clients.ts';
import { learnRights } from '../calls/rights.ts';
import { lastingAddress } from '../calls/tickets.ts';
import { Ago, Badge, Copy, FailureBox, Loading, Pairs } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { Preview } from '../previews/preview.tsx';
import { ArtifactActions } from './actions.tsx';
import { CopyAs } from './copy-as.tsx';
import { Difference } from './difference.tsx';
import { Download } from './download.tsx';
import { Labels } from './labels.tsx';
import { Lifetime } from './lifetime.tsx';
import { LineageSummary } from './lineage-summary.tsx';
import { Links } from './links.tsx';
import { Versions } from './versions.tsx';

/** The screen of one artifact, by its id. */
export function ArtifactScreen({ subject }: { subject: string }) {
  const { value, failure, again } = useCall(subject, async (signal) => {
    const { artifact } = await artifacts.getArtifact(
      { artifact: { by: { case: 'id', value: subject } } },
      { signal },
    );
    return artifact;
  });
  useEffect(() => {
    if (value === undefined) return;
    void learnRights();
  }, [value]);
  if (value === undefined)
    return (
      <section class="screen">
        <h1>Artifact</h1>
        <p class="quiet">
          <code>{subject}</code>
        </p>
        {failure === undefined ? (
          <Loading what="the artifact" />
        ) : (
          <FailureBox failure={failure} again={again} />
        )}
      </section>
    );
  return <Known artifact={value} again={again} />;
}

function Known({ artifact, again }: { artifact: Artifact; again: () => void }) {
  const { id, name, session, version, latest, sizeBytes, contentType, hold, metadata, createTime } = artifact;
  const other = place.value.params.get('diff') ?? '';
  const address = lastingAddress(id);
  return (
    <section class="screen artifact">
      <header class="title">
        <p class="trail">
          <a href={sessionHref(session)}>
            <bdi>{session}</bdi>
          </a>{' '}
          /
        </p>
        <h1>
          <bdi>{name}</bdi>
        </h1>
        <Badge kind={latest ? 'plain' : 'gone'}>
          v{version.toString()}
          {latest ? '' : ', not the latest'}
        </Badge>
        {hold ? <Badge kind="hold">on hold</Badge> : null}
        <div class="buttons">
          <Download artifact={artifact} />
          {address === undefined ? null : (
            <a class="button" href={address} target="_blank" rel="noopener">
              Raw
            </a>
          )}
          <ArtifactActions artifact={artifact} changed={again} />
        </div>
      </header>
      <div class="facts">
        <span>{size(sizeBytes)}</span>
        <span>
          <bdi>{contentType}</bdi>
        </span>
        <span>
          pushed <Ago time={millis(createTime)} />
        </span>
        {metadata.agent === undefined ? null : (
          <span>
            by{' '}
            <a href={sessionHref(session, { view: 'agent', q: metadata.agent })}>
              <bdi>{metadata.agent}</bdi>
            </a>
          </span>
        )}
        <Pairs pairs={artifact.labels} of="labels" />
      </div>
      <div class="sides">
        <div class="content">
          {other === '' ? (
            <Preview id={id} name={name} contentType={contentType} bytes={Number(sizeBytes)} />
          ) : (
            <Difference artifact={artifact} otherId={other} />
          )}
        </div>
        <aside aria-label="About the artifact">
          <Details artifact={artifact} changed={again} />
        </aside>
      </div>
    </section>
  );
}

function Details({ artifact, changed }: { artifact: Artifact; changed: () => void }) {
  const { id, sha256, sequence, metadata, inheritedMetadataKeys } = artifact;
  return (
    <>
      <Part title="Metadata">
        <Table pairs={metadata} inherited={inheritedMetadataKeys} />
      </Part>
      <Part title="Labels">
        <Labels artifact={artifact} changed={changed} />
      </Part>
      <Part title="Stored until">
        <Lifetime artifact={artifact} />
      </Part>
      <Part title="Versions">
        <Versions artifact={artifact} />
      </Part>
      <Part title="Lineage">
        <LineageSummary artifact={artifact} />
      </Part>
      <Part title="Share">
        <Links artifact={artifact} />
      </Part>
      <Part title="Copy as">
        <CopyAs artifact={artifact} />
      </Part>
      <Part title="Identity">
        <dl class="table">
          <div>
            <dt>id</dt>
            <dd>
              <code>{id}</code> <Copy text={id} />
            </dd>
          </div>
          <div>
            <dt>sha256</dt>
            <dd>
              <code>{sha256}</code> <Copy text={sha256} />
            </dd>
          </div>
          <div>
            <dt>event</dt>
            <dd>{sequence.toString()}</dd>
          </div>
        </dl>
      </Part>
    </>
  );
}

function Part({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <section class="part">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Table({
  pairs,
  inherited,
}: {
  pairs: Readonly<Record<string, string>>;
  inherited: readonly string[];
}) {
  const entries = Object.entries(pairs);
  if (entries.length === 0) return <p class="quiet">None.</p>;
  return (
    <>
      <dl class="table">
        {entries.map(([key, value]) => (
          <div key={key}>
            <dt>
              <bdi>{key}</bdi>
            </dt>
            <dd>
              <bdi>{value}</bdi> {inherited.includes(key) ? <span class="quiet">of the session</span> : null}
            </dd>
          </div>
        ))}
      </dl>
      <p class="quiet">{counted(entries.length, 'key')}, fixed at the push</p>
    </>
  );
}
