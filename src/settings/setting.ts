/** The parts of a setting. */

/** One setting. A flag wins over its environment variable. */
export interface Setting {
  /** The name without dashes. Absent: environment only. */
  readonly flag?: string;
  /** The value of the flag, in help texts. Absent: the flag has none, it is a switch. */
  readonly value?: string;
  readonly env: string;
  /** The default as documentation shows it. */
  readonly default: string;
  readonly description: string;
  /** The description in the help of `artifacta reap`. Absent: the same. */
  readonly reapDescription?: string;
  /** False: not for `artifacta serve`. */
  readonly serve?: false;
  /** True: for `artifacta reap`. */
  readonly reap?: true;
}
