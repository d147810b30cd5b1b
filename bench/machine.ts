// Machine description for the results.
import os from 'node:os';

export interface Machine {
  cpu: string;
  cpus: number;
  /** Bytes. */
  memory: number;
  system: string;
  /** Load average of the last minute when the benchmark began. */
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
