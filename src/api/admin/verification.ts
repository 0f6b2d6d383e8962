/** Verify: the check of the index and its repair, as a stream of messages. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  Finding_Kind,
  type VerifyRequest,
  type VerifyResponseSchema,
} from '../../../gen/artifacta/v1/verify_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { parseNamespace } from '../../domain/names.ts';
import type { StoreHost } from '../../store/custody/host.ts';
import type { Checked, VerifyEvent } from '../../store/verify/verifier.ts';
import type { Call } from '../handlers.ts';

/** Answers Verify. @throws Failure INVALID_ARGUMENT and what {@link StoreHost.verify} throws. */
export async function* verify(
  host: Pick<StoreHost, 'verify'>,
  request: VerifyRequest,
  { signal }: Call,
): AsyncGenerator<MessageInitShape<typeof VerifyResponseSchema>> {
  const { namespace, checkContents, repairReportId, reindex } = request;
  if (reindex && repairReportId === '') throw invalid('repair_report_id', 'is required with reindex');
  const events = host.verify({
    namespace: namespace === '' ? undefined : parseNamespace('namespace', namespace),
    checkContents,
    repairReportId: repairReportId === '' ? undefined : repairReportId,
    reindex,
    signal,
  });
  for await (const event of events) yield { part: verifyPart(event) };
}

function verifyPart(event: VerifyEvent): NonNullable<MessageInitShape<typeof VerifyResponseSchema>['part']> {
  switch (event.kind) {
    case 'finding':
      return { case: 'finding', value: { ...event.finding, kind: Finding_Kind[event.finding.kind] } };
    case 'progress':
      return { case: 'progress', value: checkedMessage(event.checked) };
    case 'summary': {
      const { reportId, checked, findings, repaired } = event;
      return {
        case: 'summary',
        value: {
          reportId,
          checked: checkedMessage(checked),
          findingCount: BigInt(findings),
          repairedCount: BigInt(repaired),
        },
      };
    }
  }
}

function checkedMessage({ rows, contents, bytes }: Checked) {
  return { rowCount: BigInt(rows), contentCount: BigInt(contents), sizeBytes: BigInt(bytes) };
}
