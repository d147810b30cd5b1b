// Running west where a workspace is being made.
import { pickEnvironment } from '../../config/environment.ts';
import { CannotStartError, runProcess } from '../../system/process.ts';
import { WorkspaceError } from './workspace-error.ts';

/** What reaches west and the git that it runs: where programs and settings are, and how to get to the network. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'USER',
  'TMPDIR',
  'LANG',
  'XDG_CONFIG_HOME',
  'SSH_AUTH_SOCK',
  'GIT_SSH',
  'GIT_SSH_COMMAND',
  'GIT_SSL_CAINFO',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'ALL_PROXY',
] as const;

/** How long a server of HTTP may send nothing before git gives up. Servers that are busy send a sign of life every five seconds. */
export const STALL_TIMEOUT_MS = 60_000;

export interface WestOptions {
  /** The directory it runs in. */
  cwd: string;
  /** Nothing but this machine's own files can be fetched from. */
  offline: boolean;
  /** Milliseconds, rounded up to seconds. Default: {@link STALL_TIMEOUT_MS}. */
  stallTimeout?: number | undefined;
  signal?: AbortSignal;
  /** Each line that west and git print. */
  onLine?: (line: string) => void;
}

/** The variables that give git settings. */
function gitSettings(settings: Readonly<Record<string, string>>): Record<string, string> {
  const numbered = Object.entries(settings).flatMap(([name, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, name],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(numbered.length / 2), ...Object.fromEntries(numbered) };
}

/** Runs west to its end. Rejects with {@link WorkspaceError} when it fails or is not there, with the signal's reason when cancelled. */
export async function runWest(
  args: readonly string[],
  { cwd, offline, stallTimeout = STALL_TIMEOUT_MS, signal, onLine }: WestOptions,
): Promise<void> {
  const env: Record<string, string> = {
    ...pickEnvironment(PASSED_ON),
    // A question that nobody sees would hang for ever.
    GIT_TERMINAL_PROMPT: '0',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    ...gitSettings({
      // Git must not go on tidying up in the background when the workspace is moved to its place.
      'gc.auto': '0',
      'maintenance.auto': 'false',
      // Without these git waits for ever for a server that accepts a connection and never answers. Bytes a second.
      'http.lowSpeedLimit': '1',
      'http.lowSpeedTime': String(Math.ceil(stallTimeout / 1000)),
    }),
    ...(offline && { GIT_ALLOW_PROTOCOL: 'file' }),
  };
  const lines: string[] = [];
  const result = await runProcess({
    command: 'west',
    args,
    cwd,
    env,
    signal,
    onLine: line => {
      if (/\b(?:fatal|error)\b/i.test(line)) lines.push(line);
      onLine?.(line);
    },
  }).catch((error: unknown) => {
    if (!(error instanceof CannotStartError)) throw error;
    throw new WorkspaceError(
      `${error.message} A workspace is made with west: run 'pip install west', or register one that exists with 'glovebox workspace add PATH'.`,
      { cause: error },
    );
  });
  signal?.throwIfAborted();
  if (result.exitCode === 0) return;
  const why =
    lines[0] ?? result.lastLines.at(-1) ?? `it ended with ${result.signal ?? `status ${result.exitCode}`}`;
  const remedy = offline
    ? 'Offline, only what was fetched before can be used: run it again without --offline.'
    : 'Run it again when that is mended; what was fetched is kept.';
  // Git does not say of which project it speaks; west does, in the end.
  const project = lines.map(line => /failed for projects?:? (\S.*)$/.exec(line)?.[1]).at(-1);
  const what = project === undefined ? '' : ` for ${project}`;
  throw new WorkspaceError(`west ${args[0]} failed${what}: ${why.trim()}. ${remedy}`);
}
