/** The check of a store in recovery: it reports what is lost, and which of the remaining rows cannot be read. */
import type { Loss } from '../../index/damage.ts';
import type { IndexHome } from '../../index/home.ts';
import { diagnosis } from '../verify/finding.ts';
import { findingsMax, type VerifyEvent } from '../verify/verifier.ts';

/** Checks the remains, as {@link Verifier} checks a whole store. */
export async function* checkSalvage(home: IndexHome, loss: Loss): AsyncGenerator<VerifyEvent> {
  yield { kind: 'finding', finding: diagnosis('COMMITS_LOST', {}, loss.message).finding };
  const checked = { rows: 0, contents: 0, bytes: 0 };
  let findings = 1;
  await using salvage = await home.salvage();
  for await (const block of salvage.rows()) {
    checked.rows += block.length;
    for (const row of block) {
      if (row.kind === 'row') continue;
      findings++;
      if (findings <= findingsMax)
        yield { kind: 'finding', finding: diagnosis('ROW_CORRUPT', {}, row.message).finding };
    }
  }
  yield { kind: 'summary', reportId: '', checked, findings, repaired: 0 };
}
