/** The format of a store: which rows it may have, and how they are read. */

/**
 * Raised when older code could misread the rows of newer code. Since 2, inline contents are ordered by time
 * (docs/decisions/0075-contents-by-time.md): older code would take them for lost.
 */
export const formatVersion = 2;

/** The formats of stores and exports that this version reads. */
export const readableFormats: readonly unknown[] = [1, formatVersion];
