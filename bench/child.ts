// Runs a program to completion and measures its duration.
import { spawn } from 'node:child_process';
import { BenchmarkFailure } from './worker-group.ts';

export interface Finished {
  stdout: string;
  /** Duration in milliseconds, from before the start until it has ended and all output was read. */
  milliseconds: number;
}

// Anything slower counts as hung.
const TIMEOUT_MS = 300_000;

/**
 * Runs this Node binary with these arguments. Passes its standard error on when it fails.
 * @param env the whole environment
 * @throws BenchmarkFailure when its exit status is not 0, or when it takes longer than five minutes
 */
export function runNode(args: readonly string[], env: Record<string, string>): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const kill = (): void => {
      child.kill('SIGKILL');
    };
    const timer = setTimeout(kill, TIMEOUT_MS);
    // Otherwise it would go on writing to files that are being removed.
    process.prependOnceListener('exit', kill);
    const texts = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      texts.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      texts.stderr += text;
    });
    child.once('error', reject);
    child.once('close', (status, signal) => {
      const milliseconds = performance.now() - began;
      clearTimeout(timer);
      process.off('exit', kill);
      if (status === 0) resolve({ stdout: texts.stdout, milliseconds });
      else {
        const what = `node ${args.join(' ')} ended with ${signal ?? status}`;
        reject(new BenchmarkFailure(`${what}: ${texts.stderr || texts.stdout}`));
      }
    });
  });
}
