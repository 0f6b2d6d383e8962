/** Planted faults of replicas. */
import type { Plant } from '../plant.ts';

export const replicaPlants: readonly Plant[] = [
  {
    name: 'replicas: writes-whoever-owns-the-namespace',
    rig: 'replicas',
    file: 'src/index/postgres/replicas/tables.ts',
    from: 'ON o.ns = given.ns AND o.epoch = given.epoch FOR SHARE OF o',
    to: 'ON o.ns = given.ns FOR SHARE OF o',
  },
  {
    name: 'replicas: remembers-rows-after-its-lease',
    tests: ['test/index/postgres/replicas/replicas.test.ts'],
    file: 'src/index/engine/row-cache.ts',
    from: '    if (this.ownRows?.areSafe === false) return undefined;\n',
    to: '',
  },
  {
    name: 'replicas: decides-after-its-lease',
    tests: ['test/index/postgres/replicas/replicas.test.ts'],
    file: 'src/index/postgres/replicas/membership.ts',
    from: ' && this.options.elapsed() < this.validUntil',
    to: '',
  },
  {
    name: 'replicas: takes-over-without-waiting',
    tests: ['test/index/postgres/replicas/replicas.test.ts'],
    file: 'src/index/postgres/replicas/tables.ts',
    from: 'SELECT o.member, m.address, coalesce(',
    to: 'SELECT o.member, m.address, false AND coalesce(',
    also: [{ from: '\n  AND NOT EXISTS (SELECT FROM other WHERE until > clock_timestamp())', to: '' }],
  },
  {
    name: 'replicas: ships-in-the-order-of-the-writers',
    tests: ['test/index/postgres/replicas/shipments.test.ts'],
    file: 'src/index/postgres/replicas/shipment-tables.ts',
    from: 'row_number() OVER (ORDER BY id)',
    to: 'row_number() OVER (ORDER BY ring, seq)',
  },
  {
    name: 'replicas: ships-past-what-was-not-shipped',
    tests: ['test/index/postgres/replicas/shipments.test.ts'],
    file: 'src/index/postgres/replicas/shipments.ts',
    from: ' && (this.isChecked || (await this.hasAll(connection, rings)))',
    to: '',
  },
  {
    name: 'replicas: removes-batches-before-they-are-shipped',
    tests: ['test/store/custody/replicas/replica-shipping.test.ts'],
    file: 'src/store/custody/replicas/replica-shipping.ts',
    from: '      if (!(await this.write(segment))) {\n',
    to: '      await shipments.remove(first);\n      if (!(await this.write(segment))) {\n',
  },
];
