/** The parts of an export as messages, and back. The header has a checksum, and the footer has the same checksum. */
import { crc32 } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type IndexHeader,
  IndexHeaderSchema,
  type IndexPart,
  IndexPartSchema,
} from '../../../gen/artifacta/v1/index_export_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { altered, type ExportHeader, type ExportPart } from '../../store/custody/export.ts';

/** Writes one export. */
export class PartWriter {
  private readonly softwareVersion: string;
  private headerChecksum: number | undefined;

  /** @param softwareVersion for the header. */
  constructor(softwareVersion: string) {
    this.softwareVersion = softwareVersion;
  }

  /** Returns the next part. */
  message(part: ExportPart): IndexPart {
    switch (part.kind) {
      case 'header':
        return create(IndexPartSchema, { part: { case: 'header', value: this.header(part.header) } });
      case 'rows':
        return create(IndexPartSchema, { part: { case: 'rows', value: { rows: [...part.rows] } } });
      case 'footer': {
        const { headerChecksum } = this;
        const footer = { rowCount: BigInt(part.rows), sha256: part.sha256, headerChecksum };
        return create(IndexPartSchema, { part: { case: 'footer', value: footer } });
      }
    }
  }

  private header({ formatVersion, storeId, commit, time, chain }: ExportHeader): IndexHeader {
    const header = create(IndexHeaderSchema, {
      formatVersion,
      storeId,
      commitNumber: BigInt(commit),
      createTime: timestampFromMs(time),
      softwareVersion: this.softwareVersion,
      segmentChain: chain ?? '',
    });
    this.headerChecksum = checksumOf(header);
    return { ...header, checksum: this.headerChecksum };
  }
}

/** Reads one export. */
export class PartReader {
  private headerChecksum: number | undefined;

  /** Reads the next part. @throws Failure INVALID_ARGUMENT; DIGEST_MISMATCH for a header that was altered. */
  part(message: IndexPart | undefined): ExportPart {
    const part = fromPartMessage(message);
    if (message?.part.case === 'header') this.headerChecksum = message.part.value.checksum;
    // If only one of the two exists, the other was removed.
    if (message?.part.case === 'footer' && message.part.value.headerChecksum !== this.headerChecksum)
      throw altered('part.header');
    return part;
  }
}

/** Reads one part alone. @throws Failure INVALID_ARGUMENT; DIGEST_MISMATCH for a header that was altered. */
export function fromPartMessage(message: IndexPart | undefined): ExportPart {
  const part = message?.part;
  switch (part?.case) {
    case 'header': {
      // This check comes first: if the header was altered, that is the fault, and not what follows from it.
      const { checksum, formatVersion, storeId, commitNumber, createTime, segmentChain } = part.value;
      if (checksum !== undefined && checksum !== checksumOf(part.value)) throw altered('part.header');
      return {
        kind: 'header',
        header: {
          formatVersion,
          storeId,
          commit: wholeNumber('part.header.commit_number', commitNumber),
          time: createTime === undefined ? 0 : timestampMs(createTime),
          ...(segmentChain === '' ? {} : { chain: segmentChain }),
        },
      };
    }
    case 'rows':
      return { kind: 'rows', rows: part.value.rows };
    case 'footer':
      return {
        kind: 'footer',
        rows: wholeNumber('part.footer.row_count', part.value.rowCount),
        sha256: part.value.sha256,
      };
    default:
      // A message without a known part either had none when it was written, or is of a later version.
      throw message?.$unknown === undefined ? invalid('part', 'is required') : altered('part');
  }
}

/** Returns the checksum of all fields except the checksum itself. Fields that this version does not know count too. */
function checksumOf(header: IndexHeader): number {
  const { checksum: _, ...covered } = header;
  return crc32(toBinary(IndexHeaderSchema, covered));
}

function wholeNumber(field: string, value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER))
    throw invalid(field, `must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
  return Number(value);
}
