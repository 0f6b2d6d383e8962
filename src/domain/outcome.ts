/** How a run ended. `abandoned`: not known. */
export const outcomes = ['succeeded', 'failed', 'cancelled', 'abandoned'] as const;
/** One of {@link outcomes}. */
export type Outcome = (typeof outcomes)[number];
