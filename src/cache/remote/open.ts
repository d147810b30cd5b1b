// Opens a remote tier from its options, which are checked before any request.
import { HttpTier } from './http-tier.ts';
import { type RemoteOptions, resolveRemoteOptions } from './options.ts';
import type { RemoteTier } from './remote-tier.ts';

/**
 * Opens the remote tier. Nothing is sent before the first `get` or `put`.
 *
 * @throws InvalidArgumentError for options that can never work
 */
export function openRemoteTier(options: RemoteOptions): RemoteTier {
  return new HttpTier(options, resolveRemoteOptions(options));
}
