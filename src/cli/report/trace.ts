// Trace of a build in Chrome's trace format, for Perfetto and chrome://tracing.
import type { Recording } from './recording.ts';

const US_PER_MS = 1_000;

/** The trace as JSON text. Times are microseconds since the start of the build; each track is a thread. */
export function traceOf(recording: Recording): string {
  const pid = recording.started?.pid ?? 0;
  const named = (name: string, tid: number, value: string) => ({
    name,
    ph: 'M',
    pid,
    tid,
    args: { name: value },
  });
  const tracks = recording.trackNames.map((name, track) => named('thread_name', track, name));
  const spans = recording.spans.map(({ target, kind, track, from, to }) => {
    const { board, shield, why } = recording.targets.get(target) ?? {};
    return {
      ...{ name: target, cat: kind, ph: 'X', pid, tid: track },
      ...{ ts: from * US_PER_MS, dur: (to - from) * US_PER_MS },
      args: { kind, board, shield, why: why?.join(', ') },
    };
  });
  const process = named(
    'process_name',
    0,
    `glovebox build ${recording.started?.configDirectory ?? ''}`.trimEnd(),
  );
  return `${JSON.stringify({ displayTimeUnit: 'ms', traceEvents: [process, ...tracks, ...spans] })}\n`;
}
