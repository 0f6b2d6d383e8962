/** How the tokens that this service makes begin, so that none is taken for another kind. */
export const tokenPrefixes = {
  /** `ark_<id>_<secret>`: an API key. */
  apiKey: 'ark_',
  /** `arc_<JWT>`: minted for an agent, with fewer rights than whoever minted it. */
  child: 'arc_',
} as const;
