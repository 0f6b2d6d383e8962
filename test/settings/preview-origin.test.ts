/** The setting for the origin of previews. */
import { expect, it } from 'vitest';
import { readServeConfig } from '../../src/settings/config.ts';

const read = (previewOrigin: string, publicUrl?: string) =>
  readServeConfig(
    ['--preview-origin', previewOrigin, ...(publicUrl === undefined ? [] : ['--public-url', publicUrl])],
    { HOME: '/home/me' },
  ).previewOrigin;

it('is an origin under another name than the public URL', () => {
  expect(read('https://p.example:8443', 'https://a.example/base')).toBe('https://p.example:8443');
});

it.each([
  ['https://p.example', undefined, /^--preview-origin: needs --public-url/],
  ['https://a.example:8443', 'https://a.example/base', /^--preview-origin: must have another host name/],
  ['https://p.example/x', 'https://a.example', /^--preview-origin: must be origins.*p\.example\/x/],
  ['https://p.example,https://q.example', 'https://a.example', /^--preview-origin: must be one origin/],
])('%s with the public URL %s is refused', (origin, publicUrl, fault) => {
  expect(() => read(origin, publicUrl)).toThrow(fault);
});
