/** The errors for parts that are compiled for a platform, if they are missing or cannot be loaded. */

/** The texts with which the packages that look for these parts report that none exists. */
const signs: readonly (readonly [RegExp, string])[] = [
  [/^Cannot find native binding/, '@node-rs/crc32'],
  [/^No native build was found/, 'classic-level'],
];

/**
 * Loads code that needs these parts.
 *
 * @throws Error that names the platform and the part; any other error as it is.
 */
export async function withNativeParts<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const what = missing(error);
    if (what === undefined) throw error;
    const { arch, platform } = process;
    throw new Error(
      `cannot run on ${platform} ${arch}: ${what}; install again with optional packages, or use another platform`,
      { cause: error },
    );
  }
}

function missing(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ((error as NodeJS.ErrnoException).code === 'ERR_DLOPEN_FAILED')
    return `a native part cannot be loaded (${error.message.split('\n')[0]})`;
  const found = signs.find(([sign]) => sign.test(error.message));
  return found && `${found[1]} has no native part for this platform`;
}
