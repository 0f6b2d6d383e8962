/** Planted faults of direct uploads. */
import type { Plant } from '../plant.ts';

export const directPlants: readonly Plant[] = [
  {
    name: 'direct: leaves-a-finished-name-in-the-queue',
    rig: 'direct',
    file: 'src/store/rows/blob-rows.ts',
    from: '  if (isAwaited) tx.del(keys.blobs.condemned, state.notBefore, ns, content.name);\n',
    to: '',
  },
  {
    name: 'direct: takes-the-bytes-for-those-of-the-description',
    rig: 'direct',
    file: 'src/store/artifacts/direct-uploads.ts',
    from: `      await using upload = uploads.over(principal, spec, { blob, awaitedUntil });
      let read = 0;
      yield read;
      for await (const piece of this.pieces(name, sizeBytes, generation, signal)) {
        const before = read;
        read += piece.length;
        await upload.write(piece);
        if (Math.floor(read / reportBytes) > Math.floor(before / reportBytes)) yield read;
      }
      blob.requireSame();
      signal?.throwIfAborted();
      return await upload.finish({ sizeBytes, sha256: spec.sha256 });`,
    to: `      await using upload = uploads.over(principal, { ...spec, sha256: undefined }, { blob, awaitedUntil });
      let read = 0;
      yield read;
      for await (const piece of this.pieces(name, sizeBytes, generation, signal)) {
        const before = read;
        read += piece.length;
        await upload.write(piece);
        if (Math.floor(read / reportBytes) > Math.floor(before / reportBytes)) yield read;
      }
      blob.requireSame();
      signal?.throwIfAborted();
      return await upload.finish({ sizeBytes, sha256: undefined });`,
  },
  {
    name: 'direct: sweeps-an-awaited-name-once',
    rig: 'direct',
    file: 'src/store/rows/blob-rows.ts',
    from: '{ size: 0, again: tx.now + awaitedMsMax }',
    to: '{ size: 0 }',
  },
  {
    name: 'direct: has-no-row-for-what-it-awaits',
    rig: 'direct',
    file: 'src/store/rows/blob-rows.ts',
    from: `  tx.put(keys.blobs.physicalName, [tx.ns, name], { state: 'condemned', notBefore });
  tx.put(keys.blobs.condemned, [notBefore, tx.ns, name], { size: 0, again: tx.now + awaitedMsMax });
`,
    to: '  void [tx, name, awaitedMsMax];\n',
  },
  {
    name: 'direct: commits-however-long-ago-the-upload-began',
    tests: ['test/model/interleaving.test.ts'],
    file: 'src/store/rows/blob-rows.ts',
    from: 'awaitedUntil === undefined ? content.publishTime : awaitedUntil - awaitedMs;',
    to: 'content.publishTime;',
  },
  {
    name: 'direct: commits-a-name-that-no-row-has-any-more',
    tests: ['test/server/direct-uploads/refusals.test.ts'],
    file: 'src/store/rows/blob-rows.ts',
    from: 'awaitedUntil === undefined ? state === undefined : isAwaited;',
    to: 'state === undefined || isAwaited;',
  },
];
