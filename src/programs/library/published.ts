/** The exports of `import … from 'artifacta'`: the client, and `connect`, which finds the service. */
export * from '../../client/published.ts';
export { connect } from './find-service.ts';
