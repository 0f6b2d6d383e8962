/** What the settings of a bucket mean for the contents in it. Pure. */

/** The settings that are looked at, as the API names them. */
interface BucketSettings {
  readonly versioning?: { readonly enabled?: boolean };
  readonly retentionPolicy?: { readonly retentionPeriod?: string };
  readonly lifecycle?: {
    readonly rule?: readonly {
      readonly action?: { readonly type?: string };
      readonly condition?: Readonly<Record<string, unknown>>;
    }[];
  };
}

/** The fields of a bucket that {@link bucketWarnings} looks at. */
export const bucketFields = 'versioning,retentionPolicy,lifecycle';

/** Conditions of lifecycle rules that never concern a live object. */
const harmless = ['isLive', 'numNewerVersions', 'daysSinceNoncurrentTime', 'noncurrentTimeBefore'];

/** Returns what an operator should know of a bucket: what it costs, and what would destroy contents. */
export function bucketWarnings(place: string, settings: BucketSettings): string[] {
  const warnings: string[] = [];
  if (settings.versioning?.enabled === true)
    warnings.push(
      `${place}: the bucket keeps old versions; contents are never overwritten, so switch versioning off`,
    );
  const seconds = Number(settings.retentionPolicy?.retentionPeriod ?? 0);
  if (seconds > 0)
    warnings.push(
      `${place}: the bucket keeps each object for ${seconds} seconds (its retention policy); until then deleted contents ` +
        'take space, and each sweep tries them again',
    );
  for (const { action, condition = {} } of settings.lifecycle?.rule ?? []) {
    if (action?.type !== 'Delete') continue;
    const isOfOthers = harmless.some((name) => name in condition && condition[name] !== true);
    if (!isOfOthers)
      warnings.push(
        `${place}: a lifecycle rule of the bucket deletes objects (${JSON.stringify(condition)}): it would destroy ` +
          'contents; remove it, or limit it to another prefix',
      );
  }
  return warnings;
}
