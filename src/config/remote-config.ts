// Options of the remote tier, from config and environment.
import { existsSync } from 'node:fs';
import path from 'node:path';
import {
  parseRemoteUrl,
  REMOTE_MODES,
  type RemoteMode,
  type RemoteOptions,
} from '../cache/remote/options.ts';
import { parseTrustedKey } from '../cache/remote/signing.ts';
import { InvalidArgumentError } from '../errors.ts';
import { type Environment, remoteEnvironment, userConfigDirectory } from './environment.ts';
import type { ToolchainKind } from './toolchain-options.ts';
import type { UserConfig } from './user-config.ts';

/** The default of `remote.share`: toolchains whose fingerprints contain everything that a result depends on. */
export const DEFAULT_SHARE: readonly ToolchainKind[] = ['container', 'command'];

/** Path of the private key that `glovebox remote keygen` writes. Undefined without a home directory. */
export function signingKeyFile(environment: Environment = process.env): string | undefined {
  const directory = userConfigDirectory(environment);
  return directory === undefined ? undefined : path.join(directory, 'signing-key.pem');
}

/**
 * Options of the remote cache from config and environment; undefined when there is none. Each variable overrides
 * its config field. The signing key is `GLOVEBOX_SIGNING_KEY`, else the file that `glovebox remote keygen` wrote.
 *
 * @throws InvalidArgumentError that names the variable, when its value is invalid
 */
export function remoteOptionsFor(
  { remote = {} }: Pick<UserConfig, 'remote'>,
  environment: Environment = process.env,
): RemoteOptions | undefined {
  const said = remoteEnvironment(environment);
  if (said.isOff) return undefined;
  const url = said.url ?? remote.url;
  if (url === undefined) return undefined;
  if (said.url !== undefined) parseRemoteUrl(said.url, 'GLOVEBOX_REMOTE');
  for (const key of said.trust ?? []) parseTrustedKey(key, 'GLOVEBOX_REMOTE_TRUST');
  const ownFile = signingKeyFile(environment);
  const signingKey = said.signingKey ?? (ownFile !== undefined && existsSync(ownFile) ? ownFile : undefined);
  return {
    url,
    mode: said.mode === undefined ? remote.mode : modeOf(said.mode),
    trust: said.trust ?? remote.trust,
    token: said.token,
    signingKey,
    // The connection goes to the proxy, which only `fetch` knows.
    ...(said.isProxied && { limits: { connectMs: null } }),
  };
}

function modeOf(mode: string): RemoteMode {
  const found = REMOTE_MODES.find(one => one === mode);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(
    `GLOVEBOX_REMOTE_MODE is ${JSON.stringify(mode)}, but must be one of ${REMOTE_MODES.join(', ')}.`,
  );
}
