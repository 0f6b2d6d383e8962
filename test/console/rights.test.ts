/** What a reader may do on the console, from what the service says about the caller. */
import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { Scope } from '../../gen/artifacta/v1/api_key_pb.ts';
import { CallerSchema } from '../../gen/artifacta/v1/caller_pb.ts';
import { rightsOf } from '../../src/console/calls/rights-of.ts';

it.each([
  [{}, [false, false, false, false]],
  [{ scopes: [Scope.READ] }, [false, false, false, false]],
  [{ scopes: [Scope.READ, Scope.WRITE] }, [true, true, false, false]],
  [{ scopes: [Scope.SHARE] }, [false, false, true, false]],
  [{ scopes: [Scope.WRITE], namePrefix: 'out/' }, [true, false, false, false]],
  [{ isOperator: true }, [true, true, true, false]],
  [{ subject: 'local', scopes: [Scope.READ, Scope.WRITE] }, [true, true, false, true]],
  [{ subject: 'local', isOperator: true }, [true, true, true, false]],
])('%j', (caller, [canWrite, canWriteSessions, canShare, isGuest]) => {
  expect(rightsOf(create(CallerSchema, caller))).toEqual({ canWrite, canWriteSessions, canShare, isGuest });
});
