// Interruption by Ctrl-C and other signals: the first one stops the command gracefully, the second ends it at once.
import { constants } from 'node:os';
import type { Context } from '../context.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** While active, signals abort `signal` instead of ending the process. */
export interface Interruption {
  /** Aborts at the first signal, or when output can no longer be written. */
  readonly signal: AbortSignal;
  /** Exit status for the interruption: 130 for SIGINT, 143 for SIGTERM; undefined without one. */
  readonly exitStatus: number | undefined;
  /** Restores the default handling of signals. */
  release(): void;
}

/** While active, signals abort `stop`, then `abort`, instead of ending the process. */
export interface Stop {
  /** Aborts at the first signal. */
  readonly stop: AbortSignal;
  /** Aborts at the second signal, or when output can no longer be written. */
  readonly abort: AbortSignal;
  /** Restores the default handling of signals. */
  release(): void;
}

/** Handles signals until `release()`, for a command that ends its work first. A third signal exits at once. */
export function interceptStop(context: Context): Stop {
  const [stop, abort] = [new AbortController(), new AbortController()];
  const onSignal = (name: NodeJS.Signals): void => {
    // A closed terminal sends SIGHUP itself and through its shell.
    if (name === 'SIGHUP' && stop.signal.aborted) return;
    if (abort.signal.aborted) process.exit(128 + constants.signals[name]);
    if (stop.signal.aborted) abort.abort();
    stop.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  const { onOutputLost } = context;
  context.onOutputLost = () => {
    stop.abort();
    abort.abort();
  };
  return {
    stop: stop.signal,
    abort: abort.signal,
    release() {
      for (const name of SIGNALS) process.off(name, onSignal);
      context.onOutputLost = onOutputLost;
    },
  };
}

/** Handles signals until `release()`. Calls `onStop` once, at the first one. A second request to stop exits at once. */
export function interceptSignals(context: Context, onStop: () => void): Interruption {
  const controller = new AbortController();
  let exitStatus: number | undefined;
  const stop = (status: number): void => {
    if (exitStatus !== undefined) {
      process.exit(exitStatus);
    }
    exitStatus = status;
    onStop();
    controller.abort();
  };
  const onSignal = (name: NodeJS.Signals): void => {
    // A closed terminal sends SIGHUP itself and through its shell. The second is not a new request.
    if (name === 'SIGHUP' && exitStatus !== undefined) return;
    stop(128 + constants.signals[name]);
  };
  for (const name of SIGNALS) {
    process.on(name, onSignal);
  }
  const { onOutputLost } = context;
  // Every further line fails again, which is not a second request to stop.
  context.onOutputLost = status => {
    if (exitStatus === undefined) {
      stop(status);
    }
  };
  return {
    signal: controller.signal,
    get exitStatus() {
      return exitStatus;
    },
    release() {
      for (const name of SIGNALS) {
        process.off(name, onSignal);
      }
      context.onOutputLost = onOutputLost;
    },
  };
}
