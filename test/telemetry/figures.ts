/** Figures of a bucket, each another number, so that a metric shows from which it was made. */
export const bucketFigures = {
  requests: { create: 31, read: 32 },
  seconds: { create: 3.5, read: 1.5 },
  retries: 33,
  failures: 34,
  sentBytes: 35,
  receivedBytes: 36,
  bufferedBytes: 37,
  waiting: 38,
};
