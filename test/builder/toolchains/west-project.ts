// Shared fixtures of the west toolchain's tests: a toolchain on its own test machine, and jobs for it.
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Target } from '../../../src/builder/matrix/target.ts';
import { createToolchain, type WestToolchainDescription } from '../../../src/builder/toolchains/index.ts';
import type { CompileJob, CompileOutcome, Toolchain } from '../../../src/builder/toolchains/toolchain.ts';
import { createWestMachine, type WestMachine, type WestMachineOptions } from '../west-rig/west-rig.ts';

export const target: Target = { board: 'nice_nano_v2', shield: 'corne_left', artifactName: 'left' };

export interface Bench {
  machine: WestMachine;
  toolchain: Toolchain;
  /** A job with a new build directory. */
  job(job?: Partial<CompileJob>): CompileJob;
}

/** A machine, and the toolchain there. For tests that run one after another. */
export async function benchFor(
  t: ExecutionContext,
  options: WestMachineOptions & {
    toolchain?: Partial<WestToolchainDescription>;
    environment?: Record<string, string>;
  } = {},
): Promise<Bench> {
  const machine = await createWestMachine(t, options);
  machine.use(t, options.environment);
  let count = 0;
  return {
    machine,
    toolchain: toolchainOf(machine, options.toolchain),
    job(job = {}) {
      const buildDirectory = path.join(machine.root, `job ${count++}`);
      const artifactDirectory = path.join(buildDirectory, 'artifacts');
      mkdirSync(artifactDirectory, { recursive: true });
      return {
        ...{ target, buildDirectory, artifactDirectory, jobs: 3, logFile: path.join(machine.root, 'log') },
        ...{ signal: new AbortController().signal, onOutput: () => {} },
        ...job,
      };
    },
  };
}

/** A new toolchain, as another process would create it. */
export function toolchainOf(machine: WestMachine, more: Partial<WestToolchainDescription> = {}): Toolchain {
  const { config: configDirectory, workspace } = machine;
  return createToolchain({ kind: 'west', options: {}, configDirectory, workspace, ...more });
}

/** The artifacts of a compile that must succeed, by name. */
export function contents(t: ExecutionContext, outcome: CompileOutcome): Record<string, string> {
  if (!outcome.ok) throw t.fail(outcome.message + outcome.lastLines.join('\n'));
  return Object.fromEntries(
    outcome.artifacts.map(({ name, path: file }) => [name, readFileSync(file, 'utf8')]),
  );
}

/** Every file below a directory with its content and modification time. */
export function picture(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map(entry => path.join(entry.parentPath, entry.name))
    .sort()
    .map(file => {
      const stats = lstatSync(file);
      const content = stats.isFile()
        ? readFileSync(file, 'latin1')
        : stats.isSymbolicLink()
          ? readlinkSync(file)
          : '';
      return `${file} ${stats.ctimeMs} ${content}`;
    });
}
