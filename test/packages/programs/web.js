// The client for pages, as a runtime at the edge imports it.
import { connect } from 'artifacta/web';

const store = await connect(process.argv[2]);
const bytes = new Uint8Array(1_000_000).fill(42);
const { artifact } = await store.push(new Blob([bytes]), { session: 'web', name: 'bytes.bin' });
const read = await (await store.open('web/bytes.bin')).bytes();
console.log(
  artifact.sizeBytes,
  read.every((byte) => byte === 42),
);
