// Search for a container engine that works on this machine: the requested one, else docker, else podman.
import { containerEngineEnvironment } from '../../../config/environment.ts';
import { CannotStartError } from '../../../system/process.ts';
import { findProgram } from '../programs.ts';
import { ToolchainError } from '../toolchain.ts';
import { clientEnvironment, lastLine, runEngineClient } from './client.ts';

/** A container engine that works here. Plain data. */
export interface ContainerEngine {
  /** The program. */
  command: 'docker' | 'podman';
  /** The engine's behaviour: podman is also installed under the name `docker`. */
  kind: 'docker' | 'podman';
  version: string;
  /**
   * How users in a container map to users outside. `same`: unchanged. `remapped`: to unprivileged users, by the
   * daemon's configuration. `rootless`: root is the caller, and all others are unprivileged users.
   */
  users: 'same' | 'remapped' | 'rootless';
}

/** Result of a search. */
export type EngineStatus =
  | { works: true; engine: ContainerEngine }
  | { works: false /** What was looked for, and why it does not do. */; detail: string; remedy: string };

const COMMANDS = ['docker', 'podman'] as const;

/** Queries for an engine's version and user mapping. */
const QUESTIONS = {
  docker: { format: '{{.ServerVersion}} {{json .SecurityOptions}}', answer: /^(\d\S*) (\[.*\]|null)$/m },
  podman: { format: '{{.Version.Version}} {{.Host.Security.Rootless}}', answer: /^(\d\S*) (true|false)$/m },
} as const;

/**
 * Finds the engine to build with: `wanted`, else `GLOVEBOX_CONTAINER_ENGINE`, else the first that works. Runs each
 * candidate, so it takes a moment. Throws {@link ToolchainError} if the variable names an unknown engine; rejects with
 * the reason of `signal` if that aborts.
 */
export async function findEngine(
  wanted: 'docker' | 'podman' | undefined,
  signal?: AbortSignal,
): Promise<EngineStatus> {
  const asked = wanted ?? engineOfEnvironment();
  const why: string[] = [];
  const remedies: string[] = [];
  for (const command of asked === undefined ? COMMANDS : [asked]) {
    const finding = await examineEngine(command, signal);
    if (finding.works) return finding;
    why.push(finding.detail);
    remedies.push(finding.remedy);
  }
  const missing = remedies.every(remedy => remedy === INSTALL);
  return {
    works: false,
    detail: why.join('; '),
    remedy: missing
      ? `Install ${asked === undefined ? 'docker or podman' : asked}.`
      : remedies.filter(remedy => remedy !== INSTALL).join(' '),
  };
}

const INSTALL = 'install';

async function examineEngine(
  command: ContainerEngine['command'],
  signal: AbortSignal | undefined,
): Promise<EngineStatus> {
  if ((await findProgram(command, '/', clientEnvironment())) === undefined) {
    return { works: false, detail: `there is no '${command}' in PATH`, remedy: INSTALL };
  }
  try {
    const kind = command === 'podman' || (await isPodman(command, signal)) ? 'podman' : 'docker';
    const { format, answer } = QUESTIONS[kind];
    const { exitCode, output, timedOut } = await runEngineClient(command, ['info', '--format', format], {
      signal,
    });
    const found = exitCode === 0 ? answer.exec(output) : null;
    if (found !== null) {
      const [, version = '', said = ''] = found;
      return { works: true, engine: { command, kind, version, users: usersOf(said) } };
    }
    const said = timedOut ? 'it does not answer' : lastLine(output);
    return {
      works: false,
      detail: `'${command}' does not work (${said})`,
      remedy: remedyFor(command, output),
    };
  } catch (error) {
    if (!(error instanceof CannotStartError)) throw error;
    return { works: false, detail: error.message.replace(/\.$/, ''), remedy: `Install ${command} again.` };
  }
}

/** The user mapping from podman's answer (whether it is rootless) or docker's (a list of security options). */
function usersOf(answer: string): ContainerEngine['users'] {
  if (answer === 'true' || answer.includes('name=rootless')) return 'rootless';
  return answer.includes('name=userns') ? 'remapped' : 'same';
}

/** Distributions also install podman as `docker`, and it still needs its own arguments. */
async function isPodman(command: string, signal: AbortSignal | undefined): Promise<boolean> {
  const { output } = await runEngineClient(command, ['--version'], { signal });
  return /podman/i.test(output);
}

function remedyFor(command: ContainerEngine['command'], output: string): string {
  if (command === 'podman') return "Have 'podman info' work.";
  if (/permission denied/i.test(output)) {
    return "You may not use docker's daemon: join the group docker (sudo usermod -aG docker $USER, then log in again), or use podman.";
  }
  return "Start docker's daemon (sudo systemctl start docker, or Docker Desktop), and have 'docker info' work.";
}

function engineOfEnvironment(): ContainerEngine['command'] | undefined {
  const name = containerEngineEnvironment();
  if (name === undefined || name === 'docker' || name === 'podman') return name;
  throw new ToolchainError(
    `GLOVEBOX_CONTAINER_ENGINE is '${name}', and only docker and podman are known. Set it to one of them, or unset it.`,
  );
}
