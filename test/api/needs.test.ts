/** What each method needs is written down once, is what the protocol says, and is asked for before anything else. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DescMethod } from '@bufbuild/protobuf';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { needOf } from '../../src/api/needs.ts';
import { routes } from '../../src/api/routes.ts';
import { transportKey } from '../../src/api/transport.ts';
import { parseNamespace } from '../../src/domain/names.ts';
import { anonymous, type Scope } from '../../src/domain/principal.ts';
import { collect } from '../../src/server/grpc/grpc.ts';
import { refusal } from '../support/calls.ts';
import { openTestStore, testRoutes } from '../support/service.ts';

const proto = join(import.meta.dirname, '../../proto/artifacta/v1');

/** The comment above a method. */
function commentOf({ name, parent }: DescMethod): string {
  const file = `${parent.file.name.split('/').at(-1)}.proto`;
  const before = readFileSync(join(proto, file), 'utf8').split(`  rpc ${name}(`)[0]!;
  const lines = before.trimEnd().split('\n');
  const first = lines.findLastIndex((line) => !line.startsWith('  //'));
  return lines
    .slice(first + 1)
    .map((line) => line.replace('  // ', ''))
    .join(' ');
}

async function allMethods(): Promise<DescMethod[]> {
  await using opened = await openTestStore();
  const { methods } = collect(testRoutes(opened.store, []));
  return methods.map(({ method }) => method);
}

const methods = await allMethods();

it('says of every method what it needs, as the protocol does', () => {
  expect(methods.length).toBeGreaterThan(30);
  for (const method of methods) {
    const need = needOf(method);
    const said = /Scope: (\w+)/.exec(commentOf(method))?.[1];
    if (need === 'operator' || need === 'anybody')
      expect([method.name, said]).toEqual([method.name, undefined]);
    else expect([method.name, said]).toEqual([method.name, need]);
  }
});

describe('a caller on the network', () => {
  async function answersTo(scopes: readonly Scope[]) {
    const { store } = await openTestStore();
    const principal = {
      ...anonymous(parseNamespace('n', 'default')),
      subject: 'key_x',
      scopes: new Set(scopes),
    };
    const transport = createRouterTransport(
      routes({
        store: () => store,
        onCall: () => undefined,
        elapsed: () => 0,
        authenticate: async () => principal,
      }),
    );
    return await Promise.all(
      methods
        .filter((method) => method.methodKind === 'unary')
        .map(async (method) => {
          const client = createClient(method.parent, transport) as unknown as Record<
            string,
            (request: object) => Promise<unknown>
          >;
          const answer = await client[method.localName]!({}).then(
            () => 'OK',
            async (error) => (await refusal(Promise.reject(error))).reason,
          );
          return { method, answer };
        }),
    );
  }

  it.each<[string, readonly Scope[]]>([
    ['nothing', []],
    ['read', ['read']],
    ['write', ['write']],
    ['share', ['share']],
  ])('with %s is refused what needs more, and nothing else', async (_what, scopes) => {
    for (const { method, answer } of await answersTo(scopes)) {
      const need = needOf(method);
      const may = need === 'anybody' || (need !== 'operator' && scopes.includes(need));
      expect([method.name, answer === 'PERMISSION_DENIED']).toEqual([method.name, !may]);
    }
  });
});

it('comes by its transport', () => {
  expect(transportKey.defaultValue).toBe('memory');
});
