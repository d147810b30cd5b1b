// Git queries about repositories, without writes and without the network.
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { pickEnvironment } from '../../config/environment.ts';
import { execFileBuffered } from '../../system/exec-file.ts';
import { CannotStartError } from '../../system/process.ts';
import { WorkspaceError } from './workspace-error.ts';

/** The variables passed to git: the search path and the user's own settings. */
const PASSED_VARIABLES = ['PATH', 'HOME', 'XDG_CONFIG_HOME'] as const;

/**
 * Runs a list of queries: `$1` is the mark that ends each answer; pairs of a directory and a command follow. Starts no
 * helper of git, such as a file monitor. Git runs in the background, so that SIGTERM ends it as well.
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

/** One shell is as fast as two for this many repositories. */
const FEW = 4;

/** Queries about one repository. */
export interface GitBatch {
  /** Absolute. */
  directory: string;
  /** Git commands with their arguments: words without spaces, separated by spaces. Undefined ones are skipped. */
  commands: readonly (string | undefined)[];
}

/** Exit status and output of a git command. */
export interface GitResult {
  directory: string;
  command: string;
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * The answers to queries about any number of repositories, in order. A few shells run one share each: in a process as
 * large as a build, starting a program takes longer than git itself. Rejects with {@link CannotStartError} if git or
 * the shell does not exist.
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
      // The mark is followed by a line with the exit status, then by the next command's output.
      const [line, status] = /^(\d+)\n/.exec(outputs[next] ?? '') ?? [];
      if (line === undefined) throw unknown({ directory, command }, complaint || 'the shell was ended');
      outputs[next] = outputs[next]!.slice(line.length);
      const exitCode = Number(status);
      if (exitCode === NOT_FOUND) throw new CannotStartError('git', complaint);
      return { directory, command, exitCode, stdout: output, stderr: complaint };
    }),
  );
}

/** A shell's exit status for a missing program. */
const NOT_FOUND = 127;

/** The output of a git command. Throws {@link WorkspaceError} if the command failed. */
export function printed(answer: GitResult): string {
  if (answer.exitCode === 0) return answer.stdout;
  throw unknown(answer, answer.stderr.split('\n')[0]!);
}

function unknown(
  { directory, command }: Pick<GitResult, 'directory' | 'command'>,
  why: string,
): WorkspaceError {
  return new WorkspaceError(
    `git cannot determine the state of ${directory}: ${why} (git ${command.split(' ')[0]}). Repair that repository, or make the workspace anew.`,
  );
}

/**
 * Lets git record the write times of a workspace's files, so that it need not read them all to see that nothing
 * changed.
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
