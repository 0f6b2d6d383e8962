/// <reference lib="esnext.disposable" preserve="true" />
/** The exports of `import … from 'artifacta/web'`: the client for pages and for runtimes at the edge. */
export { ArtifactaError, ForeignService, UntrustedService } from '../errors.ts';
export type * from '../published.ts';
export { Store } from '../store.ts';
export { retryDefaults } from '../wire/retry.ts';
export { connect, type WebOptions } from './connect.ts';
