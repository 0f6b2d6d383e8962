/** What is said where the parts that are compiled for a platform are not there, or cannot be loaded. */

/** How the packages that look for these parts tell that there is none. */
const signs: readonly (readonly [RegExp, string])[] = [
  [/^Cannot find native binding/, '@node-rs/crc32'],
  [/^No native build was found/, 'classic-level'],
];

/**
 * Loads what needs these parts.
 *
 * @throws Error that names the platform and the part; anything else that is thrown, as it is.
 */
export async function withNativeParts<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const what = missing(error);
    if (what === undefined) throw error;
    const { arch, platform } = process;
    throw new Error(
      `cannot run on ${platform} ${arch}: ${what}; install again, optional packages included, or use a platform that has it`,
      { cause: error },
    );
  }
}

function missing(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ((error as NodeJS.ErrnoException).code === 'ERR_DLOPEN_FAILED')
    return `a native part cannot be loaded (${error.message.split('\n')[0]})`;
  const found = signs.find(([sign]) => sign.test(error.message));
  return found && `${found[1]} has no native part for it here`;
}
