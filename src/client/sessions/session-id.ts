const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** Returns `run_20260131-235959_k3v9xq`: it sorts by time, and no two runs of one second get the same id. */
export function generatedSession(now: Date, random: () => number): string {
  const time = now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  const suffix = Array.from({ length: 6 }, () => alphabet[Math.floor(random() * alphabet.length)]);
  return `run_${time}_${suffix.join('')}`;
}
