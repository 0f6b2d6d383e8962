/** The version of this client: that of `package.json`, which a package of the client alone does not have. */
export const clientVersion = '0.1.0';
