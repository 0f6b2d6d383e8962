/** The beginnings of the tokens that this service makes, so that no token is taken for another kind. */
export const tokenPrefixes = {
  /** `ark_<id>_<secret>`: an API key. */
  apiKey: 'ark_',
  /** `arc_<JWT>`: a token minted for an agent, with fewer rights than the caller that minted it. */
  child: 'arc_',
} as const;
