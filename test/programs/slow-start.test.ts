/** What a start that takes long says of itself. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEmbedded } from '../../src/programs/data-directory.ts';
import { SlowStart, type StartStage } from '../../src/programs/slow-start.ts';
import { newDirectory } from '../support/command.ts';
import { TestTimers } from '../support/timers.ts';

function watched(beganMs = 0) {
  const timers = new TestTimers();
  timers.now = beganMs;
  const lines: (object & { level: string; message: string; at: number })[] = [];
  const say = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, at: timers.now, message, ...fields });
  const start = new SlowStart({ ...timers, elapsed: timers.elapsed, warn: say('warn'), info: say('info') });
  return { timers, lines, start };
}

describe('a start', () => {
  it('says nothing if it takes less than two seconds', () => {
    const { timers, lines, start } = watched();
    start.enter('lock');
    timers.advance(1_999);
    start.end();
    timers.advance(100_000);
    expect(lines).toEqual([]);
    expect(timers.count).toBe(0);
  });

  it('says after two seconds what it waits for, ever more rarely, and in the end how long each stage took', () => {
    const { timers, lines, start } = watched();
    timers.advance(500);
    start.enter('lock');
    timers.advance(500);
    start.enter('database');
    timers.advance(130_000);
    start.enter('listening');
    timers.advance(60_000);
    start.end();
    timers.advance(1_000_000);
    expect(lines.map(({ level, at, message }) => `${level} ${at} ${message}`)).toEqual([
      'warn 2000 still starting; now opening the index with LevelDB, which replays its log',
      'warn 4000 still starting; now opening the index with LevelDB, which replays its log',
      'warn 8000 still starting; now opening the index with LevelDB, which replays its log',
      'warn 16000 still starting; now opening the index with LevelDB, which replays its log',
      'warn 32000 still starting; now opening the index with LevelDB, which replays its log',
      'warn 64000 still starting; now opening the index with LevelDB, which replays its log',
      'warn 124000 still starting; now opening the index with LevelDB, which replays its log',
      'warn 184000 still starting; now opening the listeners',
      'info 191000 the start was slow',
    ]);
    expect(lines[0]).toMatchObject({ stage: 'database', stage_ms: 1_000, start_ms: 2_000 });
    expect(lines.at(-1)).toMatchObject({
      start_ms: 191_000,
      stages_ms: { settings: 500, lock: 500, database: 130_000, listening: 60_000 },
    });
  });

  it('that was slow before it could say so says so at once', () => {
    const { timers, lines } = watched(5_000);
    timers.advance(0);
    expect(lines).toMatchObject([
      { level: 'warn', at: 5_000, stage: 'settings', start_ms: 5_000, before_ms: { program: 5_000 } },
    ]);
  });

  it('during which no timer could run says so when it ends', () => {
    const { timers, lines, start } = watched();
    start.enter('database');
    timers.now = 3_000;
    start.enter('listening');
    start.end();
    expect(lines).toMatchObject([{ level: 'info', stages_ms: { database: 3_000 } }]);
  });

  it('that is given up says nothing more', () => {
    const { timers, lines, start } = watched();
    timers.advance(2_000);
    start[Symbol.dispose]();
    timers.advance(100_000);
    expect(lines).toHaveLength(1);
    expect(timers.count).toBe(0);
  });
});

it('the opening of a store comes by every stage that is its own', async () => {
  const stages: StartStage[] = [];
  const embedded = await openEmbedded({
    dataDir: join(await newDirectory(), 'data'),
    artifactBytesMax: 1_000,
    inlineBytesMax: 1_000,
    reserveBytes: 0,
    warn: (message) => expect.unreachable(message),
    opensUsersFiles: true,
    onStage: (stage) => stages.push(stage),
  });
  await embedded.close();
  expect(stages).toEqual(['contents', 'files', 'database', 'checks', 'rows', 'staging', 'seals']);
});
