// What the figures were measured on.
import os from 'node:os';

export interface Machine {
  cpu: string;
  cpus: number;
  /** Bytes. */
  memory: number;
  system: string;
  /** Processes that were running or waiting to, on average over the last minute, when the benchmark began. */
  load: number;
}

export function describeMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown CPU',
    cpus: os.availableParallelism(),
    memory: os.totalmem(),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    load: os.loadavg()[0]!,
  };
}
