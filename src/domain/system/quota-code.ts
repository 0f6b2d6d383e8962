/** Node's spelling of the only code of a full disk that it has no name for. */
import { constants } from 'node:os';

/** The code of a system error when a disk quota is used up. Elsewhere the code is `EDQUOT`. */
export const quotaExceededCode = `Unknown system error ${-constants.errno.EDQUOT}`;
