// Shared parts of the workspace commands.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { KnownWorkspace, WorkspaceService } from '../../../builder/workspace/index.ts';
import { describeSystemError, isSystemError } from '../../../system/system-error.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { interceptSignals } from '../interrupt.ts';

export interface WorkspaceFlags {
  cacheDir?: string;
  json?: boolean;
}

export function addWorkspaceOptions(command: Command): Command {
  return command
    .option('--cache-dir <dir>', 'cache root (default: GLOVEBOX_CACHE_DIR, else from the config file)')
    .option('--json', 'print JSON');
}

/** The workspace service for a directory, and the parts needed to find a workspace by hand. */
export interface OpenWorkspaces {
  service: WorkspaceService;
  find: (configDirectory: string) => Promise<string | undefined>;
  signal: AbortSignal;
}

/** Runs a command with the service, configured for `directory`. Ctrl-C cancels it and sets the exit status. */
export async function withWorkspaces(
  context: Context,
  flags: WorkspaceFlags,
  directory: string,
  use: (open: OpenWorkspaces) => Promise<void>,
): Promise<void> {
  const [{ loadUserConfig }, { findWorkspace, WorkspaceError, WorkspaceService }] = await Promise.all([
    import('../../../config/load-user-config.ts'),
    import('../../../builder/workspace/index.ts'),
  ]);
  const userConfig = await loadUserConfig({ directory });
  const cacheRoot = flags.cacheDir === undefined ? undefined : resolve(context.cwd, flags.cacheDir);
  const service = new WorkspaceService({ userConfig, cacheRoot });
  const interruption = interceptSignals(context, () => {});
  try {
    await use({
      service,
      find: config => findWorkspace(config, { userConfig, cacheRoot }),
      signal: interruption.signal,
    });
  } catch (error) {
    if (interruption.exitStatus === undefined) {
      if (!isSystemError(error)) throw error;
      throw new WorkspaceError(describeSystemError(error, service.store.root), { cause: error });
    }
  } finally {
    interruption.release();
  }
  context.exitStatus = interruption.exitStatus ?? context.exitStatus;
}

/** JSON form of a workspace. */
export function workspaceJson({
  name,
  kind,
  repository,
  revision,
  path,
  created,
  lastUsed,
  size,
}: KnownWorkspace) {
  return {
    name,
    kind,
    repository,
    revision,
    path,
    created: new Date(created).toISOString(),
    lastUsed: new Date(lastUsed).toISOString(),
    size,
  };
}

/** Prints the removed workspaces. */
export function printRemoved(context: Context, removed: readonly KnownWorkspace[]): void {
  for (const { name, size } of removed) {
    context.print(`Removed ${name}, which is replaced, expired or over the limit (${formatBytes(size)})`);
  }
}

/** Progress in one line that is redrawn. Prints nothing when standard error is not a terminal. */
export function createProgress(
  context: Context,
  what: string,
): { update: (progress: { done: number; total: number }) => void; end: () => void } {
  const isShown = context.stderr.isTTY && !context.terminal.dumb && !context.terminal.ci;
  let shown = '';
  return {
    update({ done, total }) {
      const share = total === 0 ? 100 : Math.floor((done / total) * 100);
      const text = `${what} ${share} % of ${formatBytes(total)}`;
      if (!isShown || text === shown) return;
      context.stderr.write(`\r${text}`);
      shown = text;
    },
    end() {
      if (shown !== '') context.stderr.write(`\r${' '.repeat(shown.length)}\r`);
      shown = '';
    },
  };
}
