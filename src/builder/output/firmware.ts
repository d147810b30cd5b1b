// Firmware cache factory: artifacts by fingerprint.
import type { CacheOptions } from '../../cache/options.ts';
import type { UserConfig } from '../../config/user-config.ts';
import { openConfiguredCache } from '../../registry.ts';
import { FirmwareCacheService } from './firmware-cache.ts';

export {
  ArtifactNameError,
  assertArtifactName,
  foldName,
  isDeviceName,
  STAGING_PREFIX,
} from './artifact-name.ts';
export {
  type FirmwareArtifact,
  type FirmwareCacheOptions,
  FirmwareCacheService,
  type FirmwareRecord,
  type RestoredFirmware,
} from './firmware-cache.ts';

/** The namespace of firmware. */
export const FIRMWARE_TAG = 'firmware';

/**
 * The firmware cache, shared with every thread and process. Firmware never expires unless the configuration says so.
 *
 * @param userConfig default: from the environment
 *
 * @param options take precedence over both
 */
export function createFirmwareCacheService(
  userConfig?: UserConfig,
  options: Omit<CacheOptions, 'tag'> = {},
): FirmwareCacheService {
  const all = { ...options, tag: FIRMWARE_TAG };
  const cache = openConfiguredCache(userConfig, all);
  return new FirmwareCacheService(cache, { clock: options.clock });
}
