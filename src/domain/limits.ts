/**
 * Every limit, the same on every door. The unit is the last word of the name, before `Max`, `Min` or `Default`.
 */
export const limits = {
  /** One message on any transport; a chunk of an upload must fit in it. */
  messageBytesMax: 2 * 1024 * 1024,
  /** Chunks that our own clients send and that downloads are answered in. */
  chunkBytesDefault: 1024 * 1024,
  artifactBytesMaxDefault: 5 * 1024 ** 3,
  /** Content given inline to CreateArtifact. */
  inlineRequestBytesMax: 1024 * 1024,
  /** Contents up to this size live in the index on backends that allow it. */
  inlineContentBytesMaxDefault: 32 * 1024,

  nameBytesMax: 1024,
  nameSegmentBytesMax: 255,
  sessionIdCharactersMax: 128,
  requestIdCharactersMax: 128,
  contentTypeBytesMax: 255,

  metadataKeysMax: 32,
  metadataKeyBytesMax: 128,
  metadataValueBytesMax: 1024,
  metadataBytesMax: 8 * 1024,

  inputsMax: 64,
  expectedOutputsMax: 256,
  batchGetMax: 64,

  pageSizeDefault: 100,
  pageSizeMax: 1_000,
  /** A page ends when its records hold this much, so that it fits in a message. */
  pageBytesMax: 1024 * 1024,
  filterBytesMax: 4 * 1024,
  /** Index rows, probes and records that one call may touch before it answers with a short page. */
  queryTouchesMax: 20_000,

  requestIdHoursKept: 24,
  /** 9999-12-31T23:59:59.999Z, the last instant that google.protobuf.Timestamp can hold. */
  expireTimeMillisecondsMax: 253_402_300_799_999,
  drainMillisecondsDefault: 25_000,
  concurrentStreamsMax: 100,
} as const;
