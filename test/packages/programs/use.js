// The same without types, and by another protocol of the same service.
import { connect, fileContent } from 'artifacta';

const artifacta = await connect(process.argv[2]);
const content = await fileContent(process.argv[3]);
const { artifact } = await artifacta.push(content, { session: 'javascript', name: 'output.json' });
const read = [];
for await (const piece of await artifacta.open(artifact.id)) read.push(piece);
await artifacta.close();
console.log(Buffer.concat(read).toString().trim());
for (const inner of [
  'artifacta/lib/src/client/client.js',
  'artifacta/dist/main.js',
  'artifacta/bin/artifacta',
])
  await import(inner).then(
    () => Promise.reject(new Error(`${inner} can be imported`)),
    (error) => {
      if (error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
    },
  );
