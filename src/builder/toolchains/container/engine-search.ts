// Which container engine works on this machine: the one that is asked for, else docker, else podman.
import { containerEngineEnvironment } from '../../../config/environment.ts';
import { CannotStartError } from '../../../system/process.ts';
import { findProgram } from '../programs.ts';
import { ToolchainError } from '../toolchain-error.ts';
import { clientEnvironment, lastLine, runEngineClient } from './client.ts';

/** A container engine that works here. Plain data. */
export interface ContainerEngine {
  /** The program. */
  command: 'docker' | 'podman';
  /** Whose habits it has: podman also comes as `docker`. */
  kind: 'docker' | 'podman';
  version: string;
  /**
   * Whom a user in a container is outside: the same; somebody without rights, because the daemon is set up so; or, where
   * the engine is not root itself, root is the caller and everybody else is nobody.
   */
  users: 'same' | 'remapped' | 'rootless';
}

/** What a search came to. */
export type EngineStatus =
  | { works: true; engine: ContainerEngine }
  | { works: false /** What was looked for, and why it does not do. */; detail: string; remedy: string };

const COMMANDS = ['docker', 'podman'] as const;

/** What to ask an engine for, and how it answers: its version, and what there is to know about users. */
const QUESTIONS = {
  docker: { format: '{{.ServerVersion}} {{json .SecurityOptions}}', answer: /^(\d\S*) (\[.*\]|null)$/m },
  podman: { format: '{{.Version.Version}} {{.Host.Security.Rootless}}', answer: /^(\d\S*) (true|false)$/m },
} as const;

/**
 * Finds the engine that builds: `wanted`, else `GLOVEBOX_CONTAINER_ENGINE`, else the first that works. Starts it, so it
 * takes a moment. Throws {@link ToolchainError} when the variable names something else; rejects with the reason of
 * `signal` when it aborts.
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

/** From podman's answer, which is whether it is rootless, or docker's, which is a list of what it has set up. */
function usersOf(answer: string): ContainerEngine['users'] {
  if (answer === 'true' || answer.includes('name=rootless')) return 'rootless';
  return answer.includes('name=userns') ? 'remapped' : 'same';
}

/** Distributions offer podman as `docker`, too, and then it still wants its own arguments. */
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
