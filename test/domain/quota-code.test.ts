/** A quota that is used up has no code of its own in Node: each place that tells it must know the spelling. */
import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { isFull } from '../../src/blobs/files.ts';
import { inWords } from '../../src/client/files/cannot-write.ts';
import { quotaExceededCode } from '../../src/domain/system/quota-code.ts';
import { lacksRoom, troubleOf } from '../../src/index/trouble.ts';

const error = Object.assign(new Error(`${quotaExceededCode}: ${quotaExceededCode}, write`), {
  errno: -constants.errno.EDQUOT,
  code: quotaExceededCode,
  syscall: 'write',
});

test('a disk quota that is used up is a full disk, and is called what it is', () => {
  expect([isFull(error), lacksRoom(error)]).toEqual([true, true]);
  expect(troubleOf(error)).toBe('the disk quota is used up');
  expect(troubleOf(new Error('IO error: 000003.log: Disk quota exceeded'))).toBe('the disk quota is used up');
  expect(inWords(error, 'a')).toMatchObject({
    message: 'a cannot be written: the disk quota is used up',
    concernsAll: true,
  });
});
