/**
 * Every limit, the same on every door. The unit is the last word of the name, before `Max`, `Min` or `Default`.
 */
export const limits = {
  /** One message on any transport; a chunk of an upload must fit in it. */
  messageBytesMax: 2 * 1024 * 1024,
  /** Fields of one message, those of the messages within it, entries and elements: each costs more than its bytes. */
  messageFieldsMax: 4_096,
  /** Messages within each other. */
  messageDepthMax: 100,
  /** One text of a message; each has a limit of its own, which is less. In JSON, as it is written there. */
  messageTextBytesMax: 32 * 1024,
  /** A stream may have so many messages, of any size... */
  streamMessagesFree: 1_024,
  /** ...and one more for so many bytes that it has sent: smaller ones cost more than their bytes. */
  streamMessageBytesMin: 4 * 1024,
  /** Chunks that our own clients send and that downloads are answered in. */
  chunkBytesDefault: 1024 * 1024,
  artifactBytesMaxDefault: 5 * 1024 ** 3,
  /** Content given inline to CreateArtifact. */
  inlineRequestBytesMax: 1024 * 1024,
  /** Contents up to this size live in the index on backends that allow it. */
  inlineContentBytesMaxDefault: 32 * 1024,
  /**
   * Bytes that are pushed and held already are read to see that they can be, up to this size; of larger ones it costs
   * less to put the copy that was just written in their place (`npm run bench -- heal`).
   */
  joinedBytesMax: 1024 * 1024,

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
  /** Of the beginning of a text, kept with it and shown in lists. */
  previewBytesMax: 1024,

  pageSizeDefault: 100,
  pageSizeMax: 1_000,
  /** A page ends when its records hold this much, so that it fits in a message. */
  pageBytesMax: 1024 * 1024,
  filterBytesMax: 4 * 1024,
  /** Comparisons in one filter. */
  filterTermsMax: 100,
  /** Parentheses within each other. */
  filterDepthMax: 32,
  /** Index rows, probes and records that one call may touch before it answers with a short page. */
  queryTouchesMax: 12_000,
  lineageDepthMax: 32,
  /** Edges of a walk before what a page of it begins with: together with their artifacts not all of the touches. */
  lineageEdgesMax: 4_000,

  /** Of the content of one answer of ReadArtifact; less than a character could not go on. */
  readingAnswerBytesDefault: 16 * 1024,
  readingAnswerBytesMax: 1024 * 1024,
  readingAnswerBytesMin: 4,
  /** What one call of ReadArtifact reads through, and how long it takes, before it answers with what it has. */
  readingBytesMax: 64 * 1024 * 1024,
  readingMillisecondsMax: 10_000,
  /** The first or last lines, if the caller does not say how many. */
  readingLinesDefault: 10,
  grepPatternBytesMax: 1024,
  /** Instructions that a pattern may be compiled to; repetitions multiply them. */
  grepInstructionsMax: 4_096,
  /** A line matches if this much of its beginning does... */
  grepLineBytesMax: 1024 * 1024,
  /** ...or less where the pattern is large: bytes times instructions, since nothing else runs meanwhile. */
  grepLineStepsMax: 32 * 1024 * 1024,
  grepContextLinesMax: 20,
  grepMatchesDefault: 100,
  grepMatchesMax: 1_000,
  jsonDocumentBytesMax: 16 * 1024 * 1024,
  jsonPointerBytesMax: 4 * 1024,
  csvRowBytesMax: 1024 * 1024,
  csvColumnsMax: 1_000,

  /** Of a bearer token. */
  tokenBytesMax: 16 * 1024,
  /** With one credential, on average; twice that at once. */
  callsPerSecondMax: 1_000,
  /** Attempts with wrong credentials from one address (one /64 network): at once, and then on average. */
  failuresAtOnceMax: 20,
  failuresPerSecondMax: 1,
  /** Credentials, and addresses, whose rates are remembered. */
  throttledKeysMax: 10_000,
  tokenSessionsMax: 16,
  tokenSecondsDefault: 3_600,
  tokenSecondsMax: 24 * 3_600,
  descriptionBytesMax: 255,

  requestIdHoursKept: 24,
  shareLinkHoursDefault: 24,
  shareLinkDaysMax: 30,
  /** Sessions of a kind that `keep_last` can keep. */
  keptSessionsMax: 100,
  /** What a session that is no longer among the last few has left at least. */
  lostMarkHours: 24,
  /** How long the id of a session stays taken after the last of its artifacts. */
  goneIdDays: 30,
  /** How long it is told of an API key that it has ended. */
  endedKeyDays: 30,
  leaseSecondsMin: 10,
  leaseSecondsMax: 30 * 24 * 3_600,
  /** A renewal is written when this part of the lease has passed. */
  leaseRenewalPart: 1 / 8,
  /** 9999-12-31T23:59:59.999Z, the last instant that google.protobuf.Timestamp can hold. */
  expireTimeMillisecondsMax: 253_402_300_799_999,
  /** Of a unary call whose client sets no deadline. */
  deadlineSecondsDefault: 30,
  /** Of a unary call, whatever its client sets. */
  deadlineSecondsMax: 600,
  /** Without any message on a stream from a client; an upload has longer after a large chunk: see the minimum rate. */
  idleSecondsMax: 30,
  /** Without a client taking what it is sent. */
  stalledReaderSecondsMax: 120,
  /** Of a watch without any event, until it is told that it is alive. */
  heartbeatSeconds: 15,
  watchersMax: 2_000,
  sessionWatchersMax: 1_000,
  /** Events, and about their bytes, that wait for one watcher; with more it is ended. */
  watcherEventsMax: 1_000,
  watcherBytesMax: 4 * 1024 * 1024,
  /** Where uploads wait for each other, one that is slower than this a second... */
  uploadRateBytesMin: 16 * 1024,
  /** ...and has had so long is ended first. */
  uploadRateSecondsGrace: 10,
  uploadsMax: 1_024,
  /** Received with uploads and not yet written. */
  unwrittenBytesMax: 256 * 1024 * 1024,
  /** The same, of one namespace. */
  namespaceUnwrittenBytesMax: 64 * 1024 * 1024,
  /** Of requests that came and are not dealt with, on all connections: up to so many all are read from as they bring... */
  receivedBytesFree: 64 * 1024 * 1024,
  /** ...with more, those that have no more than this... */
  connectionReceivedBytesFree: 64 * 1024,
  /** ...and with still more, some lose their room. */
  receivedBytesMax: 96 * 1024 * 1024,
  /** What compressed messages of requests hold that are not dealt with yet; each counts as the most that it may hold. */
  inflatedBytesMax: 64 * 1024 * 1024,
  /** The same, of one namespace, or of one address until it is known who calls. */
  groupInflatedBytesMax: 32 * 1024 * 1024,
  /** How long a chunk waits until others are written, and a compressed message until others are dealt with. */
  admissionSecondsMax: 10,
  /** Handed to connections and not yet sent, of all answers; and what is admitted to be made for them. */
  unsentBytesMax: 128 * 1024 * 1024,
  /** Whoever holds more than this of it leaves as much to the others. */
  holderUnsentBytesMax: 32 * 1024 * 1024,
  /** Answers of one holder that wait for room; each keeps a call open. */
  holderWaitingMax: 256,
  /** What calls that wait for room keep: each its request, and so much besides. */
  waitingCallBytes: 32 * 1024,
  waitingBytesMax: 32 * 1024 * 1024,
  /** The same, of one holder. */
  holderWaitingBytesMax: 16 * 1024 * 1024,
  /** What all calls that are open keep: each its headers, and about so much besides; 4,096 of them and hardly any header. */
  openCallBytes: 32 * 1024,
  openCallsBytesMax: 128 * 1024 * 1024,
  /** Handed to a connection at once: when it has gone is all that is known of how fast it is taken. */
  sendSliceBytesMax: 256 * 1024,
  /** Where answers wait for each other, one that is taken slower than this a second, and so long, is ended first. */
  sendRateBytesMin: 16 * 1024,
  sendRateSecondsGrace: 2,
  /** How long an answer waits for room; longer than a slice may take at the minimum rate. */
  sendAdmissionSecondsMax: 20,
  /** Things that one call of maintenance frees. */
  maintenanceItemsDefault: 1_000,
  maintenanceItemsMax: 100_000,
  /** None is written while the last is younger. */
  exportMinAgeSecondsDefault: 3_600,
  exportsKeptDefault: 7,
  /** Rows in one message of an export: with more of them it would have too many fields. */
  exportPartRowsMax: 1_000,
  exportsKeptMax: 1_000,
  /** What one call of Scrub reads. */
  scrubBytesDefault: 1024 ** 3,
  scrubAgeDaysDefault: 7,
  /** Kept back on the disk for the index. */
  ballastBytesMax: 64 * 1024 * 1024,
  drainMillisecondsDefault: 25_000,
  concurrentStreamsMax: 100,
  /** On each door. */
  connectionsMax: 1_000,
  /** Probes and scrapers need a handful; the rest of the process's descriptors is for those who bring artifacts. */
  adminConnectionsMax: 256,
  /** Where connections are scarce, those that bring less a second of the requests that are awaited of them are ended. */
  connectionRateBytesMin: 16 * 1024,
} as const;
