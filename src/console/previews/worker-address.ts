/**
 * The address of the worker that parses PDF, for a browser that makes workers only from addresses that a policy has
 * approved (Trusted Types). The policy of the page allows one by this name, which approves this address and no other.
 */

/** The path below the console, which the build puts in place of this name (`scripts/console.ts`). */
declare const PDF_WORKER: string;

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { readonly createScriptURL: () => string },
  ): { createScriptURL(text: string): URL };
}

const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
const policy = trustedTypes?.createPolicy('pdf-worker', { createScriptURL: () => PDF_WORKER });

/** Returns the address. A browser without such policies takes the text. */
export function pdfWorkerAddress(): string | URL {
  return policy?.createScriptURL('') ?? PDF_WORKER;
}
