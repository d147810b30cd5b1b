// Client program of a container engine: its environment, and short queries through it.
import { pickEnvironment } from '../../../config/environment.ts';
import { type CapturedOutput, captureOutput } from '../../../system/process.ts';

/**
 * The variables that the client gets: the engine's address and how to reach it. None of them is passed on to the build,
 * so none changes the firmware.
 */
const CLIENT_VARIABLES: readonly string[] = [
  ...['PATH', 'HOME', 'USER', 'TMPDIR', 'SSH_AUTH_SOCK'],
  ...['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH'],
  ...['CONTAINER_HOST', 'CONTAINER_CONNECTION', 'CONTAINER_SSHKEY', 'REGISTRY_AUTH_FILE'],
  ...['CONTAINERS_CONF', 'CONTAINERS_STORAGE_CONF', 'CONTAINERS_REGISTRIES_CONF'],
  ...['XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'DBUS_SESSION_BUS_ADDRESS'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
];

/** An engine answers within a second, unless its machine is busy or remote. */
const TIME_LIMIT_MS = 30_000;

export interface EngineClientOptions {
  signal?: AbortSignal | undefined;
  /** Milliseconds. Default: 30 000. */
  timeLimit?: number;
}

/** The environment of the engine's client. */
export function clientEnvironment(): Record<string, string> {
  return pickEnvironment(CLIENT_VARIABLES);
}

/**
 * Runs the client for its output. Rejects with `CannotStartError` if it does not exist, and with the reason of `signal`
 * if that aborts; any other failure is in the result.
 */
export async function runEngineClient(
  command: string,
  args: readonly string[],
  { signal, timeLimit = TIME_LIMIT_MS }: EngineClientOptions = {},
): Promise<CapturedOutput> {
  const answer = await captureOutput({
    ...{ command, args, cwd: '/', env: clientEnvironment(), timeLimit },
    ...(signal === undefined ? {} : { signal }),
  });
  signal?.throwIfAborted();
  return answer;
}

/** The last line of the client's output, as part of a sentence. */
export function lastLine(output: string): string {
  return output.split('\n').at(-1)?.trim().replace(/\.$/, '') || 'it says nothing';
}
