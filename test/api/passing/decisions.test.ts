/** Where each method is decided is written down, and agrees with what the protocol says of its effects. */
import type { DescMethod } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { ReplicasService } from '../../../gen/artifacta/internal/v1/replicas_service_pb.ts';
import { decidedAt, isCustody } from '../../../src/api/passing/decisions.ts';
import { collect } from '../../../src/server/grpc/grpc.ts';
import { openTestStore, testRoutes } from '../../support/service.ts';

async function allMethods(): Promise<DescMethod[]> {
  await using opened = await openTestStore();
  return collect(testRoutes(opened.store, [])).methods.map(({ method }) => method);
}

const methods = await allMethods();
const isRead = ({ idempotency }: DescMethod) =>
  idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;

it('is known of every method', () => {
  expect(methods.length).toBeGreaterThan(40);
  for (const method of [...methods, ...ReplicasService.methods]) expect(decidedAt(method)).toBeDefined();
});

it('is nowhere for reads, and somewhere for what has effects', () => {
  for (const method of methods.filter(isRead))
    expect([method.name, decidedAt(method)]).toEqual([method.name, 'nothing']);
  const without = methods.filter((method) => !isRead(method) && decidedAt(method) === 'nothing');
  // One signs, and the other is refused if it repairs.
  expect(without.map(({ name }) => name).sort()).toEqual(['MintToken', 'Verify']);
});

it('is one owner for unary calls alone', () => {
  for (const method of methods) {
    const decided = decidedAt(method);
    if (decided === 'caller' || typeof decided === 'function') expect(method.methodKind).toBe('unary');
  }
});

it('is custody where the whole index is concerned', () => {
  const custody = methods.filter((method) => isCustody(method, { repairReportId: 'x' }));
  expect(custody.map(({ name }) => name).sort()).toEqual(['AcceptLoss', 'ImportIndex', 'Verify']);
  const verify = methods.find(({ name }) => name === 'Verify')!;
  expect(isCustody(verify, { repairReportId: '' })).toBe(false);
});

it('must be written down for a method that is new', () => {
  const method = { ...methods[0]!, localName: 'newMethod' } as DescMethod;
  expect(() => decidedAt(method)).toThrow(RangeError);
});
