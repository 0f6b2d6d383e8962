/** What one call may touch: entries of lists, point lookups and records together. */
export class Budget {
  readonly limit: number;
  entries = 0;
  probes = 0;
  records = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get left(): number {
    return this.limit - this.entries - this.probes - this.records;
  }
}
