// Shared fixtures of the container tests: requests, jobs, and a check for what they leave behind.
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { ContainerSpec } from '../../../src/builder/toolchains/container/command-line.ts';
import type { ContainerEngine } from '../../../src/builder/toolchains/container/engine-search.ts';
import type { CompileJob } from '../../../src/builder/toolchains/toolchain.ts';
import { type ConfigValues, createUserConfig } from '../../../src/config/index.ts';
import { IMAGE, type TestEngine } from '../container-rig/container-rig.ts';
import type { WestMachine } from '../west-rig/west-rig.ts';
import { target } from './west-project.ts';

/** The engine of the tests. */
export const DOCKER: ContainerEngine = { command: 'docker', kind: 'docker', version: '1', users: 'same' };

/** The request of a build with an image. */
export const question = (
  machine: WestMachine,
  container: ConfigValues['toolchains'] = {},
  image = IMAGE,
) => ({
  userConfig: createUserConfig(
    { toolchains: { container: { image, ...container.container } } },
    { directory: machine.config },
  ),
  configDirectory: machine.config,
  workspace: machine.workspace,
  outputDirectory: path.join(machine.config, 'firmware'),
  cacheRoot: machine.cacheRoot,
  cache: true,
});

/** A job with a build directory. */
export function jobFor(machine: WestMachine, more: Partial<CompileJob> = {}): CompileJob {
  const buildDirectory = path.join(machine.root, 'job');
  const artifactDirectory = path.join(buildDirectory, 'artifacts');
  rmSync(artifactDirectory, { recursive: true, force: true });
  mkdirSync(artifactDirectory, { recursive: true });
  return {
    ...{ target, buildDirectory, artifactDirectory, jobs: 3, logFile: path.join(machine.root, 'log') },
    ...{ signal: new AbortController().signal, onOutput: () => {} },
    ...more,
  };
}

/** A script of the config that runs in the middle of a build. */
export const say = (machine: WestMachine, script: string) => machine.write('config/west.sh', script);

/** No container is running, stopped and left over, or created and never started. */
export const containers = (engine: TestEngine) => engine.docker('ps', '--all', '--quiet');

/** A script that runs in the workspace. */
export const orderFor = (machine: WestMachine, image: string, script: string): ContainerSpec => ({
  ...{
    name: `test-${process.pid}-${Date.now()}`,
    image,
    imageName: IMAGE,
    program: 'sh',
    args: ['-c', script],
  },
  ...{ workingDirectory: machine.workspace, environment: {} },
  mounts: [{ directory: machine.workspace, target: machine.workspace, writable: true }],
});
