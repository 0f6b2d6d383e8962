/**
 * Every key of the index, in one place. A key is one byte for its family and then the columns named here, each encoded
 * as in `tuple.ts`. `ns` is the namespace's name. Where a family has it, it always comes first, so that no scan of a
 * namespace can leave it. The exceptions are the queues and `requestIdByDay`, which are read across namespaces in order
 * of time, `bytesByTime`, and `cameBack`.
 *
 * A row has one owner, which decides about it (`owners.ts`, `row-owner.ts`): its namespace; for settings the store as a
 * whole, whose name is empty; for API keys and share links the namespace that their record names. A transaction writes
 * rows of one owner, the one that its `ns` names. It reads rows of other owners only in these families:
 *
 *   - `apiKey`: a transaction on behalf of a key requires that the key is still good. An operator's key acts in any
 *     namespace. The key's owner may have revoked it just now.
 *   - `shareLink`: a caller may name a link of another namespace. It is not found, whatever the row is.
 *
 *   store
 *   ├── 01 setting        name                        → JSON
 *   ├── 02 commit         slot (number mod 1024)      → {seq, epoch, time}: one per batch, written by the engine
 *   ├── 03 namespace      ns                          → {internalId, description, quota, …}
 *   ├── 05 policy         ns                          → {retention, …}
 *   └── 04 cameBack       kind, ns, id                : an import brought it back after it was gone
 *   sessions
 *   ├── 10 sessionName    ns, session id              → {uid, goneSince}
 *   ├── 11 session        ns, uid                     → record: state, counts, last sequence, manifest
 *   ├── 12 sessionsByTime ns, ~uid
 *   ├── 13 sessionsByMetadata ns, key, value, ~uid
 *   ├── 14 sessionsByLabel    ns, key, value, ~uid
 *   ├── 15 pendingSeal    ns, uid                     : fenced, its manifest not yet stored
 *   ├── 16 outputs        ns, uid                     → {expected, missing}
 *   ├── 17 sessionsByState    ns, state or outcome, ~uid
 *   └── 18 keptSessions   ns, outcomes, key, value    → the last few of a kind, in the order of their seals
 *   artifacts
 *   ├── 20 artifact       ns, id                      → record
 *   ├── 21 head           ns, uid, name               → {nextVersion, latest}
 *   ├── 22 version        ns, uid, name, ~version     → id
 *   └── 23 feed           ns, uid, sequence           → committed, deleted, sealed
 *   latest versions (superseding a version removes its rows)
 *   ├── 30 latestByTime     ns, ~id                   → signature (as in `signature.ts`), as in all of these; empty in
 *   ├── 31 latestBySession  ns, uid, ~id                rows of earlier releases
 *   ├── 32 latestByName     ns, name, ~id
 *   ├── 33 latestByMetadata ns, key, value, ~id
 *   ├── 34 latestByLabel    ns, key, value, ~id
 *   └── 35 latestByType     ns, type/subtype, ~id
 *   lineage
 *   ├── 40 inputs         ns, artifact, input
 *   └── 41 derived        ns, input, artifact
 *   blobs
 *   ├── 50 blob           ns, sha256                  → {where, size, generation, refs, idleSince}
 *   ├── 51 blobBytes      ns, sha256                  → inline content, as earlier releases placed it; see f0
 *   ├── 52 blobCrcs       ns, sha256, block / 1024    → 4 bytes per block, written once
 *   ├── 53 reference      ns, sha256, kind, id        : the truth that refs summarises
 *   ├── 54 physicalName   ns, name                    → live for a sha256, or condemned
 *   ├── 55 maybeFree      time, ns, sha256
 *   ├── 56 condemned      time, ns, name              → {generation, size, again}
 *   ├── 57 preview        ns, sha256                  → the beginning of a content in a file; empty if it is not text
 *   └── 58 quarantine     ns, sha256                  → {time, message}: the contents that are quarantined
 *   calls
 *   ├── 60 expiry         time, ns, kind, id          : queue of things that may have to end: artifact, session, gone, …
 *   ├── 61 requestId      ns, principal, request id   → as in the next; earlier releases wrote it, and queued it in `expiry`
 *   ├── 63 requestIdByDay day, ns, principal, request id → {fingerprint, artifact id, …}: nothing queues it, whole days go
 *   └── 62 usage          ns, hash(session id) mod 16 → {sessions, artifacts, bytes}
 *   credentials
 *   ├── 70 apiKey         key id                      → {secretHash, ns, scopes, expiry, …}
 *   └── 71 tokenUse       ns, token id                → {bytes, expiry}
 *   links
 *   ├── 72 shareLink      hash of the token           → {ns, artifact, expiry, …}
 *   └── 73 linksByTarget  ns, uid, artifact, hash of the token
 *   after all others
 *   └── f0 blobBytesByTime ~time, ns, sha256          → inline content: what is stored later comes first, so that a table
 *                                                     of new rows ends before all older contents, and no compaction
 *                                                     writes these again (docs/decisions/0075-contents-by-time.md)
 */
import {
  artifact,
  artifactDescending,
  ascending,
  descending,
  digest,
  family,
  json,
  present,
  raw,
  session,
  sessionDescending,
  text,
} from './family.ts';
import type * as records from './records.ts';

/** The rows of the store as a whole. */
const store = {
  setting: family('setting', 0x01, [text], json<unknown>(), 'store'),
  commit: family('commit', 0x02, [ascending], json<records.CommitRecord>(), 'store'),
  namespace: family('namespace', 0x03, [text], json<records.NamespaceRecord>()),
  policy: family('policy', 0x05, [text], json<records.PolicyRecord>()),
  cameBack: family('cameBack', 0x04, [text, text, text], present, 1),
} as const;

/** The range of the ring of commits. The ring belongs to one index and is never carried over to another. */
export const commitRange = store.commit.range();

/** The rows of a session. */
const sessions = {
  name: family('sessionName', 0x10, [text, text], json<records.SessionNameRecord>()),
  record: family('session', 0x11, [text, session], json<records.SessionRecord>()),
  byTime: family('sessionsByTime', 0x12, [text, sessionDescending], present),
  byMetadata: family('sessionsByMetadata', 0x13, [text, text, text, sessionDescending], present),
  byLabel: family('sessionsByLabel', 0x14, [text, text, text, sessionDescending], present),
  pendingSeal: family('pendingSeal', 0x15, [text, session], present),
  outputs: family('outputs', 0x16, [text, session], json<records.OutputsRecord>()),
  byState: family('sessionsByState', 0x17, [text, text, sessionDescending], present),
  kept: family('keptSessions', 0x18, [text, text, text, text], json<records.KeptRecord>()),
} as const;

/** The rows of an artifact. */
const artifacts = {
  record: family('artifact', 0x20, [text, artifact], json<records.ArtifactRecord>()),
  head: family('head', 0x21, [text, session, text], json<records.HeadRecord>()),
  version: family('version', 0x22, [text, session, text, descending], json<records.VersionRecord>()),
  feed: family('feed', 0x23, [text, session, ascending], json<records.FeedRecord>()),
} as const;

/** Rows that find the latest version of each name. Their values are signatures. */
const latest = {
  byTime: family('latestByTime', 0x30, [text, artifactDescending], raw),
  bySession: family('latestBySession', 0x31, [text, session, artifactDescending], raw),
  byName: family('latestByName', 0x32, [text, text, artifactDescending], raw),
  byMetadata: family('latestByMetadata', 0x33, [text, text, text, artifactDescending], raw),
  byLabel: family('latestByLabel', 0x34, [text, text, text, artifactDescending], raw),
  byType: family('latestByType', 0x35, [text, text, artifactDescending], raw),
} as const;

/** The artifacts that an artifact was made from, and those that were made from it. */
const lineage = {
  inputs: family('inputs', 0x40, [text, artifact, artifact], present),
  derived: family('derived', 0x41, [text, artifact, artifact], present),
} as const;

/** The places of contents, and their references. */
const blobs = {
  record: family('blob', 0x50, [text, digest], json<records.BlobRecord>()),
  bytes: family('blobBytes', 0x51, [text, digest], raw),
  bytesByTime: family('blobBytesByTime', 0xf0, [descending, text, digest], raw, 1),
  crcs: family('blobCrcs', 0x52, [text, digest, ascending], raw),
  reference: family('reference', 0x53, [text, digest, text, text], present),
  physicalName: family('physicalName', 0x54, [text, text], json<records.PhysicalNameRecord>()),
  maybeFree: family('maybeFree', 0x55, [ascending, text, digest], present, 1),
  condemned: family('condemned', 0x56, [ascending, text, text], json<records.CondemnedRecord>(), 1),
  preview: family('preview', 0x57, [text, digest], raw),
  quarantine: family('quarantine', 0x58, [text, digest], json<records.QuarantineRecord>()),
} as const;

/** The rows that outlast a call: its request id, the things that may expire, the usage. */
const calls = {
  expiry: family('expiry', 0x60, [ascending, text, text, text], present, 1),
  requestId: family('requestId', 0x61, [text, text, text], json<records.RequestIdRecord>()),
  requestIdByDay: family(
    'requestIdByDay',
    0x63,
    [ascending, text, text, text],
    json<records.RequestIdRecord>(),
    1,
  ),
  usage: family('usage', 0x62, [text, ascending], json<records.UsageRecord>()),
} as const;

/** The credentials of callers, and their use. */
const credentials = {
  apiKey: family('apiKey', 0x70, [text], json<records.ApiKeyRecord>(), 'value'),
  tokenUse: family('tokenUse', 0x71, [text, text], json<records.TokenUseRecord>()),
} as const;

/** The links that open artifacts for anyone who has a token. */
const links = {
  record: family('shareLink', 0x72, [text], json<records.ShareLinkRecord>(), 'value'),
  byTarget: family('linksByTarget', 0x73, [text, session, artifact, text], present),
} as const;

/** The codes of the families whose rows are read again and again, one by one: an index keeps these in memory. */
export const cachedFamilies: ReadonlySet<number> = new Set(
  [
    store.namespace,
    store.policy,
    sessions.name,
    sessions.record,
    artifacts.record,
    artifacts.head,
    blobs.record,
    calls.usage,
    credentials.apiKey,
    credentials.tokenUse,
  ].map(({ code }) => code),
);

/** The codes of the families that list artifacts and sessions: of a list that is read often, an index keeps the newest. */
export const listFamilies: ReadonlySet<number> = new Set(
  [...Object.values(latest), sessions.byTime, sessions.byMetadata, sessions.byLabel, sessions.byState].map(
    ({ code }) => code,
  ),
);

/** Every family, by group. Decisions and readers name rows by these; `fsck` and the tests walk over them. */
export const keys = {
  store,
  sessions,
  artifacts,
  latest,
  lineage,
  blobs,
  calls,
  credentials,
  links,
} as const;
