import { expect, it } from 'vitest';
import { type Heading, orMissing, PeerMissing, programAt } from '../../bench/peers/missing.ts';
import { PeerProcess } from '../../bench/peers/peer-process.ts';
import { freeAddress } from '../../scripts/free-port.ts';

const headings: readonly Heading[] = [
  { id: 'P', what: 'a figure', requirement: { bound: 'at most', value: 2 } },
  { id: 'Q', what: 'another' },
];

it('names the figures of a peer that is missing, and how to get it', async () => {
  const figures = await orMissing(headings, async () => {
    programAt({ name: 'no-such-program', from: 'Debian has it in some-package' });
    return [];
  });
  expect(figures.map(({ id, missing, result }) => [id, missing, result.values])).toEqual(
    ['P', 'Q'].map((id) => [id, 'this machine has no no-such-program; Debian has it in some-package', []]),
  );
});

it('does not hide other errors', async () => {
  const failing = async () => {
    throw new Error('the disk is full');
  };
  await expect(orMissing(headings, failing)).rejects.toThrow('the disk is full');
  expect(() => programAt({ name: 'no-such-program', from: 'nowhere' })).toThrow(PeerMissing);
});

it('says what a peer wrote that ends before it answers', async () => {
  const command = ['sh', '-c', 'echo "the port is taken" >&2; exit 3'];
  const started = PeerProcess.start({ command, address: await freeAddress(), answers: async () => false });
  await expect(started).rejects.toThrow(/ended with 3\n(.*\n)*the port is taken/);
});
