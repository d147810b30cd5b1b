// Fingerprint: the digest of everything that can change a target's output, under which its firmware is stored.
import { cacheKey, type KeyPart } from '../../cache/cache-key.ts';
import type { Target } from '../matrix/target.ts';
import type { Toolchain } from '../toolchains/toolchain.ts';

/**
 * Raised whenever the meaning of a fingerprint changes, so that nothing stored under the older meaning is found again.
 */
export const FINGERPRINT_SCHEMA = 4;

/**
 * The part of a build that is known before any file is read. Its digest finds the inputs that earlier builds observed.
 */
export interface BaseInputs {
  /** Version of the fingerprint's meaning. */
  schema: number;
  /** Two toolchains make different firmware from the same files, even if their identities look the same. */
  kind: Toolchain['kind'];
  /** Board, shield, snippet and arguments choose what is compiled; the artifact name reaches the compiler too. */
  target: Target;
  /** Program, arguments, version and environment of the compiler: a new compiler makes new firmware of old files. */
  toolchain: Record<string, unknown>;
}

/**
 * The inputs of a build. `PathBase` defines how paths are written, so that a moved checkout, a second one, and one on
 * another machine find the firmware too. All lists are sorted by path.
 */
export interface InputSnapshot {
  /** Every file that was read with the SHA-256 of its content: an edit changes the output, touching does not. */
  files: [path: string, sha256: string][];
  /** Every directory whose listing matters, with its digest: a new file may now be picked up. */
  directories: [path: string, digest: string][];
  /** Paths that were looked for and did not exist: creating one may change the output. */
  absent: string[];
  /**
   * The digest of all declared inputs' paths. Included if the toolchain does not report which directories and absent
   * files matter: then any added or removed file counts.
   */
  declared: string | undefined;
}

/** The key of the records about builds of this base. */
export function baseDigest(base: BaseInputs): Promise<string> {
  return cacheKey('base', base as unknown as KeyPart);
}

/**
 * The digest of everything that can change a target's output. Always computed from verified inputs; a stored one is
 * never trusted.
 */
export function fingerprint(base: string, inputs: InputSnapshot): Promise<string> {
  return cacheKey('fingerprint', base, inputs as unknown as KeyPart);
}

/** The lease key. Two builds are the same work if they agree on the base and on every declared input, read or not. */
export function leaseDigest(base: string, declared: InputSnapshot): Promise<string> {
  return cacheKey('lease', base, declared as unknown as KeyPart);
}
