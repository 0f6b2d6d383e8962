/** What the image is put through. */
import type { Container, Containers } from './containers.ts';

/** What a check works with. */
export interface Rig {
  readonly containers: Containers;
  readonly base: string;
  readonly image: string;
  /** The root of the checkout. */
  readonly root: string;
  /** Starts a service on every address of its network, which is none but loopback. */
  serve(options?: { readonly flags?: readonly string[]; readonly args?: readonly string[] }): Container;
  /** An empty directory with these rights, for a volume. */
  volume(rights: Rights): Promise<string>;
}

interface Rights {
  readonly uid?: number;
  readonly gid?: number;
  readonly mode: number;
}

/** One line of the report. */
export interface Attempt {
  readonly name: string;
  /** @returns what is to be said of it. @throws Error that says what was wrong. */
  run(rig: Rig): Promise<string>;
}

/** Who the image runs as. */
export const user = { uid: 65_532, gid: 0 } as const;

/** Whom OpenShift would run it as. */
export const arbitraryUser = { uid: 1_000_660_000, gid: 0 } as const;

/** Of `podman run`. */
export function asUser({ uid, gid }: { readonly uid: number; readonly gid: number }): readonly string[] {
  return ['--user', `${uid}:${gid}`];
}

/** Of `podman run`: the data directory. */
export function dataIn(directory: string, options = ''): readonly string[] {
  return ['--volume', `${directory}:/data${options}`];
}
