/** What an error carries: google.rpc.ErrorInfo and google.rpc.BadRequest, read without generated code. */

/** How a call failed. */
export class Failure extends Error {
  /**
   * @param code the status code, as gRPC spells it
   * @param details of google.rpc: each with its full name and its bytes
   */
  constructor(code, message, details = []) {
    super(`${code}: ${message}`);
    const fieldsOf = (name) => {
      const found = details.find(({ type }) => type.endsWith(`google.rpc.${name}`));
      return found === undefined ? {} : fields(found.value);
    };
    const info = fieldsOf('ErrorInfo');
    const violations = fieldsOf('BadRequest')[1] ?? [];
    this.code = code;
    this.reason = String(info[1]?.[0] ?? '');
    this.metadata = Object.fromEntries(
      (info[3] ?? [])
        .map(fields)
        .map(({ 1: key = [''], 2: value = [''] }) => [String(key[0]), String(value[0])]),
    );
    this.field = violations.length === 0 ? '' : String(fields(violations[0])[1]).split('.').at(-1);
  }
}

/** The fields of a message: number → the bytes of each value. Numbers are left out: none is looked at here. */
export function fields(bytes) {
  const found = {};
  let at = 0;
  const varint = () => {
    let [value, shift, byte] = [0, 1, 0];
    do {
      byte = bytes[at++];
      value += (byte & 127) * shift;
      shift *= 128;
    } while (byte > 127);
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const value = varint();
    if (tag % 8 !== 2) continue;
    found[tag >> 3] = [...(found[tag >> 3] ?? []), bytes.subarray(at, at + value)];
    at += value;
  }
  return found;
}
