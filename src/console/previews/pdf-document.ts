/**
 * A PDF, read by ranges and parsed in a worker of its own. The worker's policy lets it load and run nothing else
 * (`src/server/http/console/route.ts`), and it ends with the document. Scripts and forms of a PDF are never run.
 */
import {
  getDocument,
  PDFDataRangeTransport,
  type PDFDocumentProxy,
  PDFWorker,
  VerbosityLevel,
} from 'pdfjs-dist';
import { contentPath, fetchPlain } from '../calls/clients.ts';
import { pagePixelsMax } from '../contents/pdf-limits.ts';
import { pdfWorkerAddress } from './worker-address.ts';

/** Bytes of one request. */
const rangeBytes = 256 * 1024;

/** A document that is open. Close it: it has a worker. */
export interface OpenPdf {
  readonly document: PDFDocumentProxy;
  close(): void;
}

/** Reads the parts that are asked for. */
class Ranges extends PDFDataRangeTransport {
  private readonly id: string;
  private readonly ended = new AbortController();
  private readonly onFailure: (error: unknown) => void;

  constructor(id: string, bytes: number, onFailure: (error: unknown) => void) {
    super(bytes, null);
    this.id = id;
    this.onFailure = onFailure;
  }

  override requestDataRange(begin: number, end: number): void {
    const read = async () => {
      const range = `bytes=${begin}-${end - 1}`;
      const { signal } = this.ended;
      const response = await fetchPlain(contentPath(this.id), { headers: { range }, signal });
      this.onDataRange(begin, new Uint8Array(await response.arrayBuffer()));
    };
    read().catch((error: unknown) => {
      if (!this.ended.signal.aborted) this.onFailure(error);
    });
  }

  override abort(): void {
    this.ended.abort();
  }
}

/** Opens a document. @throws Error for a file that is not a PDF, needs a password, or cannot be read. */
export async function openPdf(id: string, bytes: number, signal: AbortSignal): Promise<OpenPdf> {
  const port = new Worker(pdfWorkerAddress(), { type: 'module' });
  const failed = Promise.withResolvers<never>();
  port.addEventListener('error', ({ message }) =>
    failed.reject(new Error(`the reader of PDF cannot start: ${message || 'its script was not loaded'}`)),
  );
  signal.addEventListener('abort', () => failed.reject(signal.reason));
  const worker = PDFWorker.create({ port, verbosity: VerbosityLevel.ERRORS });
  const ranges = new Ranges(id, bytes, (error) => failed.reject(error));
  const close = () => {
    ranges.abort();
    worker.destroy();
    port.terminate();
  };
  try {
    const task = getDocument({
      range: ranges,
      worker,
      rangeChunkSize: rangeBytes,
      disableAutoFetch: true,
      disableStream: true,
      enableXfa: false,
      // The policy of the worker allows neither, so images in JPEG 2000 and JBIG2 stay empty.
      useWasm: false,
      useWorkerFetch: false,
      isOffscreenCanvasSupported: false,
      isImageDecoderSupported: false,
      maxImageSize: pagePixelsMax,
      canvasMaxAreaInBytes: pagePixelsMax * 4,
      verbosity: VerbosityLevel.ERRORS,
    });
    // The page has no field for passwords.
    task.onPassword = () => failed.reject(new Error('the PDF is encrypted with a password: download it'));
    const document = await Promise.race([task.promise, failed.promise]);
    return { document, close };
  } catch (error) {
    close();
    throw error;
  }
}
