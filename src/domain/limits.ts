/**
 * Every limit, the same on every transport. The unit is the last word of the name, before `Max`, `Min` or `Default`.
 */
export const limits = {
  /** One message on any transport; a chunk of an upload must fit in it. */
  messageBytesMax: 2 * 1024 * 1024,
  /**
   * Fields of one message, together with the fields of the messages within it, entries and elements. Each costs more
   * than its bytes.
   */
  messageFieldsMax: 4_096,
  /** Depth of messages within each other. */
  messageDepthMax: 100,
  /**
   * One text of a message. Each text also has a limit of its own, which is less. In JSON, the text as it is written.
   */
  messageTextBytesMax: 32 * 1024,
  /** Messages of any size that a stream may have... */
  streamMessagesFree: 1_024,
  /** ...and the bytes sent for which it may have one more. Smaller messages cost more than their bytes. */
  streamMessageBytesMin: 4 * 1024,
  /** Chunks that our own clients send, and chunks of downloads. */
  chunkBytesDefault: 1024 * 1024,
  artifactBytesMaxDefault: 5 * 1024 ** 3,
  /** Content inline in a request of CreateArtifact. */
  inlineRequestBytesMax: 1024 * 1024,
  /** Contents up to this size live in the index on backends that allow it. */
  inlineContentBytesMaxDefault: 32 * 1024,
  /**
   * Size up to which bytes that are pushed and stored already are read, to see that they can be read. For larger ones
   * it costs less to put the copy that was just written in their place (`npm run bench -- heal`).
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
  /** The beginning of a text, kept with it and shown in lists. */
  previewBytesMax: 1024,

  /** Values of a field, for completion. */
  fieldValuesDefault: 20,
  fieldValuesMax: 100,
  /** A longer value is not listed. */
  fieldValueBytesMax: 256,

  pageSizeDefault: 100,
  pageSizeMax: 1_000,
  /** Size of its records at which a page ends, so that it fits in a message. */
  pageBytesMax: 1024 * 1024,
  /** The time for which a page token, or a cursor of a reading, can be used. */
  pageTokenHours: 24,
  filterBytesMax: 4 * 1024,
  /** Comparisons in one filter. */
  filterTermsMax: 100,
  /** Depth of parentheses within each other. */
  filterDepthMax: 32,
  /** Index rows, probes and records that one call may touch before it answers with a short page. */
  queryTouchesMax: 12_000,
  lineageDepthMax: 32,
  /**
   * Edges of a walk before the first edge of a page. Together with their artifacts these are not all of the touches.
   */
  lineageEdgesMax: 4_000,

  /** The content of one response of ReadArtifact. With less than a character, reading could not continue. */
  readingAnswerBytesDefault: 16 * 1024,
  readingAnswerBytesMax: 1024 * 1024,
  readingAnswerBytesMin: 4,
  /** The bytes that one call of ReadArtifact reads through, and its time, before it returns what it has. */
  readingBytesMax: 64 * 1024 * 1024,
  readingMillisecondsMax: 10_000,
  /** The number of first or last lines, if the caller does not give one. */
  readingLinesDefault: 10,
  grepPatternBytesMax: 1024,
  /** Instructions of a compiled pattern; repetitions multiply them. */
  grepInstructionsMax: 4_096,
  /** The beginning of a line that is matched... */
  grepLineBytesMax: 1024 * 1024,
  /** ...or less if the pattern is large: bytes times instructions, since nothing else runs meanwhile. */
  grepLineStepsMax: 32 * 1024 * 1024,
  grepContextLinesMax: 20,
  grepMatchesDefault: 100,
  grepMatchesMax: 1_000,
  jsonDocumentBytesMax: 16 * 1024 * 1024,
  jsonPointerBytesMax: 4 * 1024,
  csvRowBytesMax: 1024 * 1024,
  csvColumnsMax: 1_000,

  /** A bearer token. */
  tokenBytesMax: 16 * 1024,
  /** Calls with one credential, on average; twice that at once. */
  callsPerSecondMax: 1_000,
  /** Attempts with wrong credentials from one address (one /64 network): first at once, then on average. */
  failuresAtOnceMax: 20,
  failuresPerSecondMax: 1,
  /** Credentials and addresses whose rates are remembered. */
  throttledKeysMax: 10_000,
  tokenSessionsMax: 16,
  tokenSessionPrefixesMax: 16,
  tokenSecondsDefault: 3_600,
  tokenSecondsMax: 24 * 3_600,
  descriptionBytesMax: 255,
  /** The life of a ticket, which cannot be revoked. */
  ticketSecondsMax: 300,
  /** The description of a push within a ticket, encoded: the path of a URL carries it. */
  ticketSpecBytesMax: 3 * 1024,
  /** From the begin of a direct upload to the begin of its end. */
  directUploadSecondsMax: 6 * 3_600,
  /** The description of a push within the token of a direct upload, encoded: the token must fit into a text. */
  directUploadSpecBytesMax: 16 * 1024,
  /** Artifacts in one zip file: our library can count no more... */
  archiveArtifactsMax: 65_534,
  /** ...and in all that are made at once: the directory of each is in memory until its end. */
  archivedArtifactsMax: 2 * 65_536,

  requestIdHoursKept: 24,
  shareLinkHoursDefault: 24,
  shareLinkDaysMax: 30,
  /** Sessions of one kind that `keep_last` can keep. */
  keptSessionsMax: 100,
  /** The least time that is left to a session that is no longer among the last few. */
  lostMarkHours: 24,
  /** The time for which the id of a session stays taken after the last of its artifacts. */
  goneIdDays: 30,
  /** The time for which an API key that has ended is still reported as ended. */
  endedKeyDays: 30,
  leaseSecondsMin: 10,
  leaseSecondsMax: 30 * 24 * 3_600,
  /** The part of a lease after which a renewal is written. */
  leaseRenewalPart: 1 / 8,
  /** 9999-12-31T23:59:59.999Z, the last instant that google.protobuf.Timestamp can express. */
  expireTimeMillisecondsMax: 253_402_300_799_999,
  /** The deadline of a unary call whose client sets none. */
  deadlineSecondsDefault: 30,
  /** The deadline of a unary call, whatever its client sets. */
  deadlineSecondsMax: 600,
  /**
   * Time without a message on a stream from a client. An upload has longer after a large chunk: see the minimum rate.
   */
  idleSecondsMax: 30,
  /** Time in which a client takes nothing of what it is sent. */
  stalledReaderSecondsMax: 120,
  /** Time of a watch without an event until it gets a heartbeat. */
  heartbeatSeconds: 15,
  watchersMax: 2_000,
  sessionWatchersMax: 1_000,
  /** Events, and about their bytes, that wait for one watcher. A watcher with more is ended. */
  watcherEventsMax: 1_000,
  watcherBytesMax: 4 * 1024 * 1024,
  /** While uploads wait for each other, an upload that is slower than this rate a second... */
  uploadRateBytesMin: 16 * 1024,
  /** ...and is older than this time is ended first. */
  uploadRateSecondsGrace: 10,
  uploadsMax: 1_024,
  /** Bytes received with uploads and not yet written. */
  unwrittenBytesMax: 256 * 1024 * 1024,
  /** The same, for one namespace. */
  namespaceUnwrittenBytesMax: 64 * 1024 * 1024,
  /**
   * Bytes of requests that were received and are not processed, on all connections. Up to this number, all connections
   * are read as data comes...
   */
  receivedBytesFree: 64 * 1024 * 1024,
  /** ...with more, only connections that have no more than this number are read... */
  connectionReceivedBytesFree: 64 * 1024,
  /** ...and with still more, some connections lose their room. */
  receivedBytesMax: 96 * 1024 * 1024,
  /**
   * Bytes in compressed messages of requests that are not processed yet. Each counts as the most that it may contain.
   */
  inflatedBytesMax: 64 * 1024 * 1024,
  /** The same, for one namespace, or for one address until the caller is known. */
  groupInflatedBytesMax: 32 * 1024 * 1024,
  /** The time that a chunk waits until others are written, and a compressed message until others are processed. */
  admissionSecondsMax: 10,
  /** Bytes of all answers that are handed to connections and not yet sent, or that are admitted to be made. */
  unsentBytesMax: 128 * 1024 * 1024,
  /** A payer with more than this number of these bytes leaves the same number to the others. */
  payerUnsentBytesMax: 32 * 1024 * 1024,
  /** Answers of one payer that wait for room. Each keeps a call open. */
  payerWaitingMax: 256,
  /** Bytes that calls keep while they wait for room: each keeps its request, and this number in addition. */
  waitingCallBytes: 32 * 1024,
  waitingBytesMax: 32 * 1024 * 1024,
  /** The same, for one payer. */
  payerWaitingBytesMax: 16 * 1024 * 1024,
  /**
   * Bytes that all open calls keep: each keeps its headers, and about this number in addition. That is enough for 4,096
   * calls with hardly any header.
   */
  openCallBytes: 32 * 1024,
  openCallsBytesMax: 128 * 1024 * 1024,
  /** Bytes handed to a connection at once. Only the time when they have gone shows how fast the client takes them. */
  sendSliceBytesMax: 256 * 1024,
  /**
   * While answers wait for each other, an answer that is taken slower than this a second, for this time, is ended
   * first.
   */
  sendRateBytesMin: 16 * 1024,
  sendRateSecondsGrace: 2,
  /** The time that an answer waits for room; longer than a slice may take at the minimum rate. */
  sendAdmissionSecondsMax: 20,
  /** Things that one call of maintenance frees. */
  maintenanceItemsDefault: 1_000,
  maintenanceItemsMax: 100_000,
  /** The age that the last export must have before another is written. */
  exportMinAgeSecondsDefault: 3_600,
  exportsKeptDefault: 7,
  /** Rows in one message of an export. With more rows it would have too many fields. */
  exportPartRowsMax: 1_000,
  exportsKeptMax: 1_000,
  /** Bytes that one call of Scrub reads. */
  scrubBytesDefault: 1024 ** 3,
  scrubAgeDaysDefault: 7,
  /** Bytes kept back on the disk for the index. */
  ballastBytesMax: 64 * 1024 * 1024,
  drainMillisecondsDefault: 25_000,
  concurrentStreamsMax: 100,
  /** Connections on each listener. */
  connectionsMax: 1_000,
  /** Probes and scrapers need a handful. The rest of the process's descriptors is for callers that bring artifacts. */
  adminConnectionsMax: 256,
  /** While connections are scarce, those that bring less a second of the requests awaited from them are ended. */
  connectionRateBytesMin: 16 * 1024,
} as const;
