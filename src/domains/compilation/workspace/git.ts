// Asking git about a repository, without writing to it and without the network.
import { pickEnvironment } from '../../../config/environment.ts';
import { type Answer, ask } from '../../../process/ask.ts';
import { WorkspaceError } from './workspace-error.ts';

/** What git may know of the user when it is asked: where it is, and the user's own settings. */
const ASKING = ['PATH', 'HOME', 'XDG_CONFIG_HOME'] as const;

/** The end of a git command, whatever it was. Nothing that git runs by itself, such as a file monitor, is started. */
export function tryGit(directory: string, args: readonly string[], signal?: AbortSignal): Promise<Answer> {
  return ask({
    command: 'git',
    args: ['-c', 'core.fsmonitor=false', ...args],
    cwd: directory,
    env: { ...pickEnvironment(ASKING), LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0', GIT_ALLOW_PROTOCOL: 'none' },
    signal,
  });
}

/** What a git command prints. Rejects with {@link WorkspaceError} when it fails. */
export async function git(directory: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const { exitCode, stdout, stderr } = await tryGit(directory, args, signal);
  if (exitCode === 0) return stdout.toString();
  const why = stderr.trim().split('\n')[0] ?? '';
  throw new WorkspaceError(
    `git cannot say what state ${directory} is in: ${why} (git ${args[0]}). Repair that repository, or make the workspace anew.`,
  );
}

/** Lets git note when the files were last written, so that it need not read them all to see that nothing changed. */
export async function refreshIndex(directory: string): Promise<void> {
  await tryGit(directory, ['update-index', '--refresh', '-q']);
}
