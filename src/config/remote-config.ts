// The remote cache as a user configures it: config and environment, made into the options of the remote tier.
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

/** Whose results are shared when the config does not say: those whose fingerprints name everything that they depend on. */
export const DEFAULT_SHARE: readonly ToolchainKind[] = ['container', 'command'];

/** Where `glovebox remote keygen` puts the private key. Undefined for a user who has no home directory. */
export function signingKeyFile(environment: Environment = process.env): string | undefined {
  const directory = userConfigDirectory(environment);
  return directory === undefined ? undefined : path.join(directory, 'signing-key.pem');
}

/**
 * What config and environment together say about the remote cache; undefined where there is none. The environment goes
 * before the config, each variable for itself. The signing key is `GLOVEBOX_SIGNING_KEY`, else the file that
 * `glovebox remote keygen` made.
 *
 * @throws InvalidArgumentError that names the variable, for one that cannot be
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
    // A proxy is what would have to be connected to, and `fetch` alone knows which.
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
