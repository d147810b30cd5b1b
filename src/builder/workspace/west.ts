// Runner of west for workspaces under construction.
import { pickEnvironment } from '../../config/environment.ts';
import { CannotStartError, runProcess } from '../../system/process.ts';
import { WorkspaceError } from './workspace-error.ts';

/** The variables passed to west and its git: search path, settings, and access to the network. */
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

/** How long an HTTP server may send nothing before git gives up. A busy server sends a heartbeat every five seconds. */
export const STALL_TIMEOUT_MS = 60_000;

export interface WestOptions {
  /** The working directory. */
  cwd: string;
  /** Allows fetches from local files only. */
  offline: boolean;
  /** Milliseconds, rounded up to seconds. Default: {@link STALL_TIMEOUT_MS}. */
  stallTimeout?: number | undefined;
  signal?: AbortSignal;
  /** Called with each line of output from west and git. */
  onLine?: (line: string) => void;
}

/** Git settings as environment variables. */
function gitSettings(settings: Readonly<Record<string, string>>): Record<string, string> {
  const numbered = Object.entries(settings).flatMap(([name, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, name],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(numbered.length / 2), ...Object.fromEntries(numbered) };
}

/**
 * Runs west to its end. Rejects with {@link WorkspaceError} if it fails or does not exist, and with the signal's reason
 * if cancelled.
 */
export async function runWest(
  args: readonly string[],
  { cwd, offline, stallTimeout = STALL_TIMEOUT_MS, signal, onLine }: WestOptions,
): Promise<void> {
  const env: Record<string, string> = {
    ...pickEnvironment(PASSED_ON),
    // An unseen prompt would hang for ever.
    GIT_TERMINAL_PROMPT: '0',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    ...gitSettings({
      // Background maintenance would still be running when the workspace is moved to its place.
      'gc.auto': '0',
      'maintenance.auto': 'false',
      // Otherwise git waits for ever for a server that accepts a connection and never answers. Bytes per second.
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
    : 'Run it again once that is fixed; fetched objects are kept.';
  // Git does not name the project; west does, at the end.
  const project = lines.map(line => /failed for projects?:? (\S.*)$/.exec(line)?.[1]).at(-1);
  const what = project === undefined ? '' : ` for ${project}`;
  throw new WorkspaceError(`west ${args[0]} failed${what}: ${why.trim()}. ${remedy}`);
}
