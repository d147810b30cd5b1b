// Ctrl-C and its relatives: the first asks the command to end well, the second ends it.
import { constants } from 'node:os';
import type { Context } from './context.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** While it is alive, signals abort `signal` instead of ending the process. */
export interface Interruption {
  /** Aborts at the first signal, or when the output cannot be written any more. */
  readonly signal: AbortSignal;
  /** The exit status that says what interrupted: 130 for SIGINT, 143 for SIGTERM; undefined when nothing did. */
  readonly exitStatus: number | undefined;
  /** Signals end the process again. */
  release(): void;
}

/** Takes the signals over until `release()`. `onStop` is told once, when the first comes. A second wish to stop exits at once. */
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
    // A terminal that is closed says so itself and through its shell: no sign of impatience.
    if (name === 'SIGHUP' && exitStatus !== undefined) return;
    stop(128 + constants.signals[name]);
  };
  for (const name of SIGNALS) {
    process.on(name, onSignal);
  }
  const { onOutputLost } = context;
  // Every further line fails again, which is no second wish to stop.
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
