/** The message of a call that is being decoded. If the library refuses it, the error is written from its contents. */
import type { DescMessage } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import { type Form, undecodable } from '../../api/bounds/message.ts';

/** The latest message of one call. It is forgotten as soon as it is decoded. */
export class LatestMessage {
  private readonly desc: DescMessage;
  private latest: { readonly form: Form; readonly bytes: Uint8Array } | undefined;

  constructor(desc: DescMessage) {
    this.desc = desc;
  }

  note(form: Form, bytes: Uint8Array): void {
    this.latest = { form, bytes };
  }

  forget(): void {
    this.latest = undefined;
  }

  /** Returns why it cannot be decoded; undefined if none is being decoded. */
  async fault(): Promise<ConnectError | undefined> {
    const { desc, latest } = this;
    return latest === undefined ? undefined : await undecodable(desc, latest.form, latest.bytes);
  }
}
