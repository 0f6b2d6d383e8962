/**
 * Artifacts as bytes of the protocol, without a message in between: `toArtifactMessage`, encoded, gives the same bytes.
 * A page is encoded in a fifth of the time.
 */
import type { Buffer } from 'node:buffer';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { ArtifactSchema } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { CreateArtifactResponseSchema, ReceiptSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import type { Artifact, Receipt } from '../../domain/artifact.ts';
import type { Pairs } from '../../domain/metadata.ts';
import { expirySources } from '../messages.ts';
import { MessageBytes, numberTag, type Tag, textTag } from './message-bytes.ts';

const { field } = ArtifactSchema;
const tags = {
  id: textTag(field.id),
  session: textTag(field.session),
  name: textTag(field.name),
  version: numberTag(field.version),
  sha256: textTag(field.sha256),
  sizeBytes: numberTag(field.sizeBytes),
  contentType: textTag(field.contentType),
  metadata: textTag(field.metadata),
  inherited: textTag(field.inheritedMetadataKeys),
  labels: textTag(field.labels),
  inputs: textTag(field.inputs),
  createTime: textTag(field.createTime),
  expireTime: textTag(field.expireTime),
  expirySource: numberTag(field.expirySource),
  hold: numberTag(field.hold),
  sequence: numberTag(field.sequence),
  latest: numberTag(field.latest),
  etag: textTag(field.etag),
} as const;

/** The parts of an entry of a map have these numbers in every map. */
const entry = { key: textTag({ number: 1 }), value: textTag({ number: 2 }) } as const;
const time = {
  seconds: numberTag(TimestampSchema.field.seconds),
  nanos: numberTag(TimestampSchema.field.nanos),
} as const;

const receiptTags = {
  deduplicated: numberTag(ReceiptSchema.field.deduplicated),
  replayed: numberTag(ReceiptSchema.field.replayed),
  metadataDiffers: numberTag(ReceiptSchema.field.metadataDiffers),
  labelsDiffer: numberTag(ReceiptSchema.field.labelsDiffer),
  inputsDiffer: numberTag(ReceiptSchema.field.inputsDiffer),
  bytesSaved: numberTag(ReceiptSchema.field.bytesSaved),
} as const;
/** The answers of both kinds of upload have the same fields. */
const committedTags = {
  artifact: textTag(CreateArtifactResponseSchema.field.artifact),
  receipt: textTag(CreateArtifactResponseSchema.field.receipt),
} as const;

/** About a page of a hundred; a page of the greatest size. */
const bytes = new MessageBytes(64 * 1024, 2 * 1024 * 1024);

/** Returns artifacts as the values of one field of a message. */
export function artifactBytes(
  { number }: { readonly number: number },
  artifacts: readonly Artifact[],
): Buffer {
  const tag = textTag({ number });
  bytes.restart();
  for (const artifact of artifacts) {
    const known = encoded.get(artifact);
    if (known !== undefined) {
      bytes.message(tag, known);
      continue;
    }
    const start = bytes.begin(tag);
    write(artifact);
    const written = bytes.end(start);
    if (Object.isFrozen(artifact)) encoded.set(artifact, bytes.last(written));
  }
  return bytes.take();
}

/** The bytes of artifacts that do not change and were read again: those whose records are in memory. */
const encoded = new WeakMap<Artifact, Buffer>();

/** Returns the whole answer to a push. */
export function committedBytes(artifact: Artifact, receipt: Receipt): Buffer {
  bytes.restart();
  const artifactStart = bytes.begin(committedTags.artifact);
  write(artifact);
  bytes.end(artifactStart);
  const receiptStart = bytes.begin(committedTags.receipt);
  bytes.boolean(receiptTags.deduplicated, receipt.deduplicated);
  bytes.boolean(receiptTags.replayed, receipt.replayed);
  bytes.boolean(receiptTags.metadataDiffers, receipt.metadataDiffers);
  bytes.boolean(receiptTags.labelsDiffer, receipt.labelsDiffer);
  bytes.boolean(receiptTags.inputsDiffer, receipt.inputsDiffer);
  bytes.number(receiptTags.bytesSaved, receipt.bytesSaved);
  bytes.end(receiptStart);
  return bytes.take();
}

/** Writes the fields in the order of their numbers. */
function write(artifact: Artifact): void {
  bytes.text(tags.id, artifact.id);
  bytes.text(tags.session, artifact.session);
  bytes.text(tags.name, artifact.name);
  bytes.number(tags.version, artifact.version);
  bytes.text(tags.sha256, artifact.sha256);
  bytes.number(tags.sizeBytes, artifact.sizeBytes);
  bytes.text(tags.contentType, artifact.contentType);
  writeMap(tags.metadata, artifact.metadata);
  for (const key of artifact.inherited) bytes.element(tags.inherited, key);
  writeMap(tags.labels, artifact.labels);
  for (const input of artifact.inputs) bytes.element(tags.inputs, input);
  writeTime(tags.createTime, artifact.createTime);
  if (artifact.expireTime !== undefined) writeTime(tags.expireTime, artifact.expireTime);
  bytes.number(tags.expirySource, expirySources[artifact.expirySource]);
  bytes.boolean(tags.hold, artifact.hold);
  bytes.number(tags.sequence, artifact.sequence);
  bytes.boolean(tags.latest, artifact.latest);
  bytes.text(tags.etag, artifact.etag);
}

function writeMap(tag: Tag, pairs: Pairs): void {
  for (const [key, value] of inOrderOfObjects(pairs)) {
    const start = bytes.begin(tag);
    bytes.element(entry.key, key);
    bytes.element(entry.value, value);
    bytes.end(start);
  }
}

/** A message has a map as an object, in which names that are whole numbers come first, the smallest first. */
function inOrderOfObjects(pairs: Pairs): Pairs {
  return pairs.some(([key]) => isDigit(key.charCodeAt(0)))
    ? Object.entries(Object.fromEntries(pairs))
    : pairs;
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function writeTime(tag: Tag, timeMs: number): void {
  const seconds = Math.floor(timeMs / 1_000);
  const start = bytes.begin(tag);
  bytes.number(time.seconds, seconds);
  bytes.number(time.nanos, (timeMs - seconds * 1_000) * 1_000_000);
  bytes.end(start);
}
