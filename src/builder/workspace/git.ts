// Asking git about repositories, without writing to them and without the network.
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { pickEnvironment } from '../../config/environment.ts';
import { execFileBuffered } from '../../system/exec-file.ts';
import { CannotStartError } from '../../system/process.ts';
import { WorkspaceError } from './workspace-error.ts';

/** What git may know of the user when it is asked: where it is, and the user's own settings. */
const PASSED_VARIABLES = ['PATH', 'HOME', 'XDG_CONFIG_HOME'] as const;

/**
 * Asks one question after the other: `$1` is what ends each answer, then come pairs of a directory and a command. Nothing
 * that git runs by itself, such as a file monitor, is started. In the background, so that SIGTERM ends git as well.
 */
const SCRIPT = `
set -f
mark=$1
shift
trap 'kill $! 2>/dev/null; exit 143' TERM
while [ $# -gt 0 ]; do
  git -C "$1" -c core.fsmonitor=false $2 </dev/null &
  wait $!
  printf '%s%d\\n' "$mark" $?
  printf '%s' "$mark" >&2
  shift 2
done`;

/** Of so many repositories one shell knows as soon as two. */
const FEW = 4;

/** Questions about one repository. */
export interface GitBatch {
  /** Absolute. */
  directory: string;
  /** Git commands with their arguments: words without spaces, separated by spaces. Undefined ones are not asked. */
  commands: readonly (string | undefined)[];
}

/** How a git command ended, whatever it was, and what it printed. */
export interface GitResult {
  directory: string;
  command: string;
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * The answers to questions about any number of repositories, in their order. A few shells ask, each about its share:
 * from a process as large as a build's, starting a program takes longer than git does. Rejects with
 * {@link CannotStartError} when there is no git or no shell.
 */
export async function runGitBatch(
  asked: readonly GitBatch[],
  signal?: AbortSignal,
): Promise<(GitResult | undefined)[][]> {
  const shells = Math.min(availableParallelism(), Math.ceil(asked.length / FEW));
  const shares = Array.from({ length: shells }, (_, first) =>
    asked.filter((_, index) => index % shells === first),
  );
  const answered = await Promise.all(shares.map(share => runShell(share, signal)));
  return asked.map((_, index) => answered[index % shells]![Math.floor(index / shells)]!);
}

async function runShell(
  asked: readonly GitBatch[],
  signal: AbortSignal | undefined,
): Promise<(GitResult | undefined)[][]> {
  const mark = randomUUID();
  const pairs = asked.flatMap(({ directory, commands }) =>
    commands.flatMap(command => (command === undefined ? [] : [directory, command])),
  );
  const { stdout, stderr } = await execFileBuffered({
    command: '/bin/sh',
    args: ['-c', SCRIPT, 'sh', mark, ...pairs],
    cwd: '/',
    env: {
      ...pickEnvironment(PASSED_VARIABLES),
      LC_ALL: 'C',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_ALLOW_PROTOCOL: 'none',
    },
    signal,
  });
  const outputs = stdout.toString().split(mark);
  const complaints = stderr.split(mark);
  let next = 0;
  return asked.map(({ directory, commands }) =>
    commands.map(command => {
      if (command === undefined) return undefined;
      const output = outputs[next]!;
      const complaint = complaints[next]?.trim() ?? '';
      next++;
      // After the mark comes, on a line of its own, how it ended; then what the next one printed.
      const [line, status] = /^(\d+)\n/.exec(outputs[next] ?? '') ?? [];
      if (line === undefined) throw unknown({ directory, command }, complaint || 'the shell was ended');
      outputs[next] = outputs[next]!.slice(line.length);
      const exitCode = Number(status);
      if (exitCode === NOT_FOUND) throw new CannotStartError('git', complaint);
      return { directory, command, exitCode, stdout: output, stderr: complaint };
    }),
  );
}

/** A shell's exit status for a program that is not there. */
const NOT_FOUND = 127;

/** What a git command printed. Throws {@link WorkspaceError} when it failed. */
export function printed(answer: GitResult): string {
  if (answer.exitCode === 0) return answer.stdout;
  throw unknown(answer, answer.stderr.split('\n')[0]!);
}

function unknown(
  { directory, command }: Pick<GitResult, 'directory' | 'command'>,
  why: string,
): WorkspaceError {
  return new WorkspaceError(
    `git cannot say what state ${directory} is in: ${why} (git ${command.split(' ')[0]}). Repair that repository, or make the workspace anew.`,
  );
}

/**
 * Lets git note when the files of a workspace's repositories were last written, so that it need not read them all to see
 * that nothing changed.
 */
export async function refreshIndexes(
  workspace: string,
  places: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const commands = ['update-index --refresh -q'];
  await runGitBatch(
    places.map(place => ({ directory: path.join(workspace, place), commands })),
    signal,
  );
}
