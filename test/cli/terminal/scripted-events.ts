// Builds as scripted events, with times counted from the build's start.
import type { BuildEvent } from '../../../src/builder/events.ts';

export const START = 1_700_000_000_000;

type WithoutAt<E> = E extends unknown ? Omit<E, 'at'> : never;

/** An event `after` milliseconds from the start. */
export function at(after: number, event: WithoutAt<BuildEvent>): BuildEvent {
  return { ...event, at: START + after } as BuildEvent;
}

export function started(...names: string[]): BuildEvent {
  return at(0, {
    type: 'build-started',
    configDirectory: '/home/me/corne',
    outputDirectory: '/home/me/corne/firmware',
    toolchain: 'command',
    targets: names.map(artifactName => ({ board: 'nice_nano_v2', artifactName })),
    jobs: 2,
    pid: 42,
  });
}

export const checking = (after: number, target: string) => at(after, { type: 'target-checking', target });

export const missed = (after: number, target: string, ...why: string[]) =>
  at(after, { type: 'target-missed', target, why });

export const compiling = (after: number, target: string) =>
  at(after, { type: 'target-compiling', target, thread: 1, jobs: 1, logFile: `/tmp/logs/${target}.log` });

export const output = (after: number, target: string, line: string) =>
  at(after, { type: 'target-output', target, line });

export const compiled = (after: number, target: string, duration: number) =>
  at(after, {
    type: 'target-finished',
    target,
    source: 'compiled',
    files: [`/home/me/corne/firmware/${target}.uf2`],
    duration,
    compileDuration: duration,
    compiledAt: START + after,
  });

export const cached = (after: number, target: string, compileDuration: number) =>
  at(after, {
    type: 'target-finished',
    target,
    source: 'cache',
    files: [`/home/me/corne/firmware/${target}.uf2`],
    duration: 12,
    compileDuration,
    compiledAt: START - 3_600_000,
  });

export const failed = (after: number, target: string, duration: number) =>
  at(after, {
    type: 'target-failed',
    target,
    reason: 'exit-status',
    message: 'The compiler exited with status 2.',
    exitCode: 2,
    lastLines: ['keymap.c:3:7: error: unknown type', '1 error generated.'],
    logFile: `/tmp/logs/${target}.log`,
    diagnosis: { file: 'keymap.c', line: 3, column: 7, message: 'error: unknown type', certain: false },
    duration,
  });

export const finished = (
  duration: number,
  counts: { compiled?: number; cached?: number; failed?: number; cancelled?: number; saved?: number },
) =>
  at(duration, {
    type: 'build-finished',
    compiled: 0,
    remote: 0,
    agents: 0,
    cached: 0,
    failed: 0,
    cancelled: 0,
    saved: 0,
    ...counts,
    duration,
    outputDirectory: '/home/me/corne/firmware',
  });
